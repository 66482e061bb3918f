import type { Compression, FileOrder } from '../../contracts/order.ts';
import { unseal } from '../../streams/age/payload.ts';
import { decompress } from '../../streams/decompress.ts';
import { usage } from '../failure.ts';

/** How a stored file is opened. */
export interface Opening {
  /** Private keys; `undefined`: the file stays sealed. */
  readonly identity: string | undefined;
  readonly decompress: boolean;
}

/** Name of the opened file: `flights.csv.zst.age` -> `flights.csv.zst` -> `flights.csv`. */
export function openedName(name: string, opening: { readonly unseal: boolean; readonly decompress: boolean }): string {
  const unsealed = opening.unseal ? name.replace(/\.age$/, '') : name;
  return opening.decompress ? unsealed.replace(/\.(zst|gz)$/, '') : unsealed;
}

/** @throws CliFailure `usage` if the file cannot be opened like this */
export function checkOpening(file: Pick<FileOrder, 'recipients' | 'compression'>, opening: Opening): void {
  const sealed = file.recipients.length > 0;
  if (opening.identity !== undefined && !sealed) throw usage('The export is not sealed. Omit --key-file.');
  if (opening.decompress && file.compression === 'none') {
    throw usage('The export is not compressed. Omit --decompress.');
  }
  if (opening.decompress && sealed && opening.identity === undefined) {
    throw usage('The export is sealed, so it cannot be decompressed without its key.', 'Add --key-file.');
  }
}

/**
 * Unseals and decompresses; a chunk is valid only until the next one is pulled.
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
