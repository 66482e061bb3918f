import { readFileSync } from 'node:fs';
import { parseIdentities } from '../../streams/age/keys.ts';
import { usage } from '../failure.ts';

/**
 * Reads private keys from a file as `age-keygen` writes it.
 *
 * @throws CliFailure `usage` when the file cannot be read, WaybillError `wrong_key` when it holds no key.
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
