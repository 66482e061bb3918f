import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Compression, FileOrder } from '../../contracts/order.ts';
import { unseal } from '../../streams/age/payload.ts';
import { decompress } from '../../streams/decompress.ts';
import { usage } from '../failure.ts';

/** How a stored file is turned into what the user wants. */
export interface Opening {
  /** Private keys, or `undefined`: it stays sealed. */
  readonly identity: string | undefined;
  readonly decompress: boolean;
}

/** Name of the file once it is opened: `flights.csv.zst.age` -> `flights.csv.zst` -> `flights.csv`. */
export function openedName(name: string, opening: { readonly unseal: boolean; readonly decompress: boolean }): string {
  const unsealed = opening.unseal ? name.replace(/\.age$/, '') : name;
  return opening.decompress ? unsealed.replace(/\.(zst|gz)$/, '') : unsealed;
}

/** @throws CliFailure `usage` when the file cannot be opened in this way. */
export function checkOpening(file: Pick<FileOrder, 'recipients' | 'compression'>, opening: Opening): void {
  const sealed = file.recipients.length > 0;
  if (opening.identity !== undefined && !sealed) throw usage('The export is not sealed. Leave --key-file out.');
  if (opening.decompress && file.compression === 'none') {
    throw usage('The export is not compressed. Leave --decompress out.');
  }
  if (opening.decompress && sealed && opening.identity === undefined) {
    throw usage('The export is sealed, so it cannot be decompressed without its key.', 'Add --key-file.');
  }
}

/**
 * @param wanted file, or directory in which the file gets its own name.
 * @throws CliFailure `usage` when the file is there already and may not be replaced.
 */
export function targetFile(wanted: string, name: string, replace: boolean): string {
  const file = isDirectory(wanted) ? join(wanted, name) : wanted;
  if (!replace && existsSync(file)) throw usage(`"${file}" exists already.`, 'Add --force to replace it.');
  return file;
}

/** The same before the name is known: what cannot be written is refused at once, not after a long export. */
export function checkTarget(wanted: string, replace: boolean): void {
  if (isDirectory(wanted)) return;
  targetFile(wanted, '', replace);
  const directory = dirname(wanted);
  if (!isDirectory(directory))
    throw usage(`There is no directory "${directory}".`, 'Make it, or choose another with -o.');
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/**
 * Unseals and decompresses as asked; a chunk is valid only until the next one is asked for.
 *
 * @throws WaybillError `wrong_key` or `object_damaged`
 */
export function openContent(
  stored: AsyncIterable<Uint8Array>,
  compression: Compression,
  opening: Opening,
): AsyncIterable<Uint8Array> {
  const unsealed = opening.identity === undefined ? stored : unseal(stored, opening.identity);
  return opening.decompress && compression !== 'none' ? decompress(unsealed, compression) : unsealed;
}
