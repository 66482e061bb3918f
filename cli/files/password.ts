import { readFileSync } from 'node:fs';
import { ARCHIVE_PASSWORD } from '../../contracts/questionnaires.ts';
import { usage } from '../failure.ts';

/**
 * Reads the password of archives, without the end of its line.
 *
 * @param file `-`: standard input
 * @throws CliFailure `usage`, which never repeats the password
 */
export function readPassword(file: string): string {
  let text: string;
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8').replace(/\r?\n$/, '');
  } catch {
    throw usage(`The password file "${file}" cannot be read.`);
  }
  if (ARCHIVE_PASSWORD.test(text)) return text;
  throw usage('The password should be one line of 12 to 99 ASCII characters: programs read others differently.');
}
