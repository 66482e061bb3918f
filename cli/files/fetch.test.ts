import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { onlyFile } from '../../contracts/manifest.ts';
import { generateKey } from '../../streams/age/keys.ts';
import { CliFailure, EXIT } from '../failure.ts';
import { type ExportFixture, makeExport } from './export-fixture.ts';
import { createPartCheck, FileMismatch, fetchFile } from './fetch.ts';
import type { Opening } from './opening.ts';
import type { RequestFile } from './receive.ts';
import { PARTIAL } from './save.ts';

const AS_STORED: Opening = { identity: undefined, decompress: false };
const CONTENTS = [
  ['User ID\n1\n2\n', 2],
  ['3\n', 1],
] as const;

function target(): string {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-download-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, 'users.csv');
}

/** Serves bytes from any offset, three at a time, and records the ranges. */
function serve(bytes: Uint8Array) {
  const ranges: (string | undefined)[] = [];
  const request: RequestFile = async ({ range }) => {
    ranges.push(range);
    const offset = Number(/\d+/.exec(range ?? '')?.[0] ?? 0);
    return answer(bytes.subarray(offset), range === undefined ? 200 : 206);
  };
  return { request, ranges };
}

function answer(bytes: Uint8Array, status: number): Response {
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += 3) yield bytes.slice(at, at + 3);
  }
  return new Response(ReadableStream.from(chunks()), { status });
}

function download(
  { manifest }: ExportFixture,
  request: RequestFile,
  file: string,
  opening: Opening,
  { ranges = true, signal = new AbortController().signal } = {},
) {
  const { parts, compression } = onlyFile(manifest);
  const onProgress = () => undefined;
  return fetchFile({ parts, compression, ranges, request }, { file, opening, retryMs: 0, signal, onProgress });
}

describe('a download', () => {
  test('has its name only once it is whole', async () => {
    const made = await makeExport(CONTENTS, { compression: 'none', recipients: [] });
    const file = target();
    await download(made, serve(Buffer.concat(made.stored)).request, file, AS_STORED);
    expect(readFileSync(file, 'utf8')).toBe('User ID\n1\n2\n3\n');
    expect(existsSync(file + PARTIAL)).toBe(false);
  });

  test('goes on from what is there', async () => {
    const made = await makeExport(CONTENTS, { compression: 'none', recipients: [] });
    const file = target();
    writeFileSync(file + PARTIAL, 'User ID\n1\n2\n');
    const { request, ranges } = serve(Buffer.concat(made.stored));
    await download(made, request, file, AS_STORED);
    expect(readFileSync(file, 'utf8')).toBe('User ID\n1\n2\n3\n');
    expect(ranges).toEqual(['bytes=12-']);
  });

  test.each([
    ['in a part that is complete', 'User ID\n9\n2\n3'],
    ['in the last part', 'User ID\n1\n2\n9'],
    ['by being longer', 'User ID\n1\n2\n3\n4\n'],
  ])('begins anew when what is there is of another export, %s', async (_, left) => {
    const made = await makeExport(CONTENTS, { compression: 'none', recipients: [] });
    const file = target();
    writeFileSync(file + PARTIAL, left);
    await download(made, serve(Buffer.concat(made.stored)).request, file, AS_STORED);
    expect(readFileSync(file, 'utf8')).toBe('User ID\n1\n2\n3\n');
  });

  test('is opened on the way, and what was left is not used then', async () => {
    const key = await generateKey({ postQuantum: false });
    const made = await makeExport([CONTENTS[0]], { compression: 'zstd', recipients: [key.recipient] });
    const file = target();
    writeFileSync(file + PARTIAL, 'left');
    const bytes = await download(made, serve(Buffer.concat(made.stored)).request, file, {
      identity: key.identity,
      decompress: true,
    });
    expect(readFileSync(file, 'utf8')).toBe('User ID\n1\n2\n');
    expect(bytes).toBe(12);
  });

  test.each([
    ['as stored', false],
    ['decompressed', true],
  ])('of a damaged file saves nothing, %s', async (_, decompress) => {
    const made = await makeExport(CONTENTS, { compression: 'gzip', recipients: [] });
    const damaged = Buffer.concat(made.stored);
    damaged.writeUInt8(damaged.readUInt8(15) ^ 1, 15);
    const file = target();
    await expect(download(made, serve(damaged).request, file, { identity: undefined, decompress })).rejects.toThrow();
    expect(existsSync(file)).toBe(false);
    expect(existsSync(file + PARTIAL)).toBe(false);
  });

  test('with the wrong key saves nothing', async () => {
    const [key, other] = [await generateKey({ postQuantum: false }), await generateKey({ postQuantum: false })];
    const made = await makeExport([CONTENTS[0]], { compression: 'none', recipients: [key.recipient] });
    const file = target();
    const opening = { identity: other.identity, decompress: false };
    await expect(download(made, serve(Buffer.concat(made.stored)).request, file, opening)).rejects.toMatchObject({
      code: 'wrong_key',
    });
    expect(existsSync(file + PARTIAL)).toBe(false);
  });

  test('that is refused half-way keeps what it has', async () => {
    const made = await makeExport(CONTENTS, { compression: 'none', recipients: [] });
    const file = target();
    let calls = 0;
    const request: RequestFile = async () => {
      calls += 1;
      if (calls > 1) throw new CliFailure(EXIT.failed, 'The files of this export are gone.');
      return answer(Buffer.from('User ID\n1'), 200);
    };
    await expect(download(made, request, file, AS_STORED)).rejects.toThrow('gone');
    expect(readFileSync(file + PARTIAL, 'utf8')).toBe('User ID\n1');
  });

  test.each([
    ['keeps the partial file where the server answers ranges', true, ['users.csv.partial'], 'resumes from'],
    ['saves nothing where it does not', false, [], 'Nothing was saved'],
  ])('that Ctrl-C stops %s', async (_, ranges, left, line) => {
    const made = await makeExport(CONTENTS, { compression: 'none', recipients: [] });
    const file = target();
    const stopping = new AbortController();
    const request: RequestFile = async () => {
      async function* chunks() {
        yield Buffer.from('User ID\n1');
        stopping.abort();
        throw new Error('aborted');
      }
      return new Response(ReadableStream.from(chunks()));
    };
    const stopped = download(made, request, file, AS_STORED, { ranges, signal: stopping.signal });
    await expect(stopped).rejects.toMatchObject({
      exitCode: EXIT.interrupted,
      lines: [expect.stringContaining(line)],
    });
    expect(readdirSync(dirname(file))).toEqual(left);
  });
});

const describePart = (content: Uint8Array, index: number) => ({
  name: `part-${index}`,
  bytes: content.length,
  sha256: createHash('sha256').update(content).digest('hex'),
});

function run(parts: readonly Uint8Array[], bytes: Uint8Array, pieceBytes: number): number {
  const check = createPartCheck(parts.map(describePart));
  for (let at = 0; at < bytes.length; at += pieceBytes) check.update(bytes.subarray(at, at + pieceBytes));
  check.end();
  return check.bytes;
}

describe('the check of a file against its parts', () => {
  const content = fc.array(fc.uint8Array({ maxLength: 9 }), { maxLength: 5 });

  test('holds however the file is cut, empty parts and files included', () => {
    fc.assert(
      fc.property(content, fc.integer({ min: 1, max: 20 }), (parts, pieceBytes) => {
        const file = Buffer.concat(parts);
        expect(run(parts, file, pieceBytes)).toBe(file.length);
      }),
    );
  });

  test('fails for a byte changed, cut off or added anywhere', () => {
    fc.assert(
      fc.property(content, fc.nat(), fc.integer({ min: 1, max: 20 }), (parts, place, pieceBytes) => {
        const file = Buffer.concat(parts);
        expect(() => run(parts, Buffer.concat([file, Buffer.of(0)]), pieceBytes)).toThrow(FileMismatch);
        if (file.length === 0) return;
        expect(() => run(parts, file.subarray(0, -1), pieceBytes)).toThrow(FileMismatch);
        const changed = Buffer.from(file);
        const at = place % file.length;
        changed.writeUInt8((changed.readUInt8(at) + 1) % 256, at);
        expect(() => run(parts, changed, pieceBytes)).toThrow(FileMismatch);
      }),
    );
  });

  test('names the part that is wrong as soon as it is complete', () => {
    const check = createPartCheck([Buffer.from('ab'), Buffer.from('cd')].map(describePart));
    check.update(Buffer.from('a'));
    expect(() => check.update(Buffer.from('xcd'))).toThrow('part-0');
  });
});
