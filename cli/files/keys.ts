import { closeSync, fsyncSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs';
import { type KeyPair, keyText, parseIdentities } from '../../streams/age/keys.ts';
import { CliFailure, EXIT, usage } from '../failure.ts';

/**
 * Reads private keys from a file as `age-keygen` writes it.
 *
 * @throws CliFailure `usage` if the file cannot be read, WaybillError `wrong_key` if it holds no key
 */
export function readIdentity(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    throw usage(`The key file "${file}" cannot be read.`);
  }
  return parseIdentities(text).join('\n');
}

/** A new key file. It exists from the start, so that its name is not taken when a key that is shown once arrives. */
export interface KeyFile {
  /** Writes the key, durably. Called at most once. */
  write(key: KeyPair): void;
  /** Removes the file; its key, if any, opens nothing. */
  discard(): void;
}

/**
 * Creates the file, readable by its owner alone.
 *
 * @throws CliFailure `usage` if it exists: a key is never replaced
 */
export function createKeyFile(file: string): KeyFile {
  const handle = openNew(file);
  let open = true;
  const close = () => {
    if (open) closeSync(handle);
    open = false;
  };
  return {
    write(key) {
      writeSync(handle, keyText(key));
      fsyncSync(handle);
      close();
    },
    discard() {
      close();
      unlinkSync(file);
    },
  };
}

function openNew(file: string): number {
  try {
    return openSync(file, 'wx', 0o600);
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') {
      throw usage(`"${file}" exists already.`, 'A key is never replaced: choose another name.');
    }
    throw new CliFailure(EXIT.failed, `"${file}" cannot be written.`, { cause });
  }
}
