import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { generateKey } from '../../streams/age/keys.ts';
import { seal } from '../../streams/age/payload.ts';
import { openContent } from './opening.ts';
import { saveTogether, saveWhole } from './save.ts';

const CONTENT = Buffer.alloc(200_000, 'User ID,Firstname\n');
const key = await generateKey({ postQuantum: false });
const other = await generateKey({ postQuantum: false });

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'waybill-cli-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
});

async function sealed(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of seal(inPieces(CONTENT), [key.recipient])) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

async function* inPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 10_007) yield bytes.subarray(at, at + 10_007);
}

const save = (bytes: Uint8Array, file: string, identity: string | undefined) =>
  saveWhole(openContent(inPieces(bytes), 'none', { identity, decompress: false }), file);

test('a file is opened in transit', async () => {
  const file = join(directory, 'user.csv');
  expect(await save(await sealed(), file, key.identity)).toBe(CONTENT.length);
  expect(readFileSync(file)).toEqual(CONTENT);
  expect(readdirSync(directory)).toEqual(['user.csv']);
});

test('a file is saved as it comes', async () => {
  const bytes = await sealed();
  const file = join(directory, 'user.csv.age');
  expect(await save(bytes, file, undefined)).toBe(bytes.length);
  expect(readFileSync(file)).toEqual(bytes);
});

test.each<[string, string, (bytes: Buffer) => Buffer]>([
  ['the wrong key', other.identity, (bytes) => bytes],
  ['a cut file', key.identity, (bytes) => bytes.subarray(0, -1)],
  ['a file cut between two chunks', key.identity, (bytes) => bytes.subarray(0, bytes.length - 200_000 + 3 * 65_536)],
  ['an altered file', key.identity, (bytes) => Buffer.from(bytes).fill(0, 70_000, 70_001)],
  ['a longer file', key.identity, (bytes) => Buffer.concat([bytes, Buffer.from('x')])],
])('%s leaves nothing', async (_, identity, damage) => {
  const bytes = damage(await sealed());
  const saving = save(bytes, join(directory, 'user.csv'), identity);
  await expect(saving).rejects.toMatchObject({ code: expect.stringMatching(/^(wrong_key|object_damaged)$/) });
  expect(readdirSync(directory)).toEqual([]);
});

describe('files that are saved together', () => {
  const write = (text: string) => async (staging: string) => {
    for (const name of ['a', 'b']) writeFileSync(join(staging, name), text);
  };

  test('replace what is there, and leave the rest alone', async () => {
    writeFileSync(join(directory, 'mine'), 'mine');
    await saveTogether(directory, ['a', 'b'], write('old'));
    await saveTogether(directory, ['a', 'b'], write('new'));
    expect(readdirSync(directory).sort()).toEqual(['a', 'b', 'mine']);
    expect(readFileSync(join(directory, 'b'), 'utf8')).toBe('new');
  });

  test('are none when one fails', async () => {
    const saving = saveTogether(directory, ['a', 'b'], async (staging) => {
      writeFileSync(join(staging, 'a'), 'x');
      throw new Error('broken off');
    });
    await expect(saving).rejects.toThrow('broken off');
    expect(readdirSync(directory)).toEqual([]);
  });

  test('need a directory', async () => {
    writeFileSync(join(directory, 'file'), '');
    await expect(saveTogether(join(directory, 'file'), ['a'], write(''))).rejects.toThrow('cannot be written');
    expect(existsSync(join(directory, 'file', 'a'))).toBe(false);
  });
});
