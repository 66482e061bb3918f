import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { generateKey } from '../../streams/age/keys.ts';
import { createKeyFile, readIdentity } from './keys.ts';

let file: string;

beforeEach(() => {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-cli-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  file = join(directory, 'key.txt');
});

test('a key file is for its owner alone, and is read back', async () => {
  const key = await generateKey({ postQuantum: false });
  createKeyFile(file).write(key);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(file, 'utf8')).toContain(`# public key: ${key.recipient}\n`);
  expect(readIdentity(file)).toBe(key.identity);
});

test('a key is never replaced', async () => {
  const first = createKeyFile(file);
  expect(() => createKeyFile(file)).toThrow('exists already');
  const key = await generateKey({ postQuantum: false });
  first.write(key);
  expect(() => createKeyFile(file)).toThrow('exists already');
  expect(readIdentity(file)).toBe(key.identity);
});

test.each([false, true])('a key that opens nothing is not kept (written: %s)', async (written) => {
  const keyFile = createKeyFile(file);
  if (written) keyFile.write(await generateKey({ postQuantum: false }));
  keyFile.discard();
  expect(existsSync(file)).toBe(false);
});

test('a path that does not exist is refused', () => {
  expect(() => createKeyFile(join(file, 'nowhere'))).toThrow('cannot be written');
});
