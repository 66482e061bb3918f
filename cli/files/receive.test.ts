import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { generateKey } from '../../streams/age/keys.ts';
import { seal } from '../../streams/age/payload.ts';
import { bytesOf, receiveFile } from './receive.ts';

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

test('a file is opened on its way', async () => {
  const file = join(directory, 'user.csv');
  expect(await receiveFile(inPieces(await sealed()), file, key.identity)).toBe(CONTENT.length);
  expect(readFileSync(file)).toEqual(CONTENT);
  expect(readdirSync(directory)).toEqual(['user.csv']);
});

test('a file is saved as it comes', async () => {
  const bytes = await sealed();
  const file = join(directory, 'user.csv.age');
  expect(await receiveFile(inPieces(bytes), file, undefined)).toBe(bytes.length);
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
  const receiving = receiveFile(inPieces(bytes), join(directory, 'user.csv'), identity);
  await expect(receiving).rejects.toMatchObject({ code: expect.stringMatching(/^(wrong_key|object_damaged)$/) });
  expect(readdirSync(directory)).toEqual([]);
});

test('a connection that breaks is said, and counts what had come', async () => {
  let counted = 0;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new Uint8Array(1000)),
    pull: (controller) => controller.error(new Error('terminated')),
  });
  const bytes = bytesOf(new Response(body), new AbortController().signal, (length) => {
    counted += length;
  });
  await expect(receiveFile(bytes, join(directory, 'user.csv'), undefined)).rejects.toMatchObject({ passing: true });
  expect([counted, readdirSync(directory)]).toEqual([1000, []]);
});
