import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { onlyFile } from '../../contracts/manifest.ts';
import { generateKey } from '../../streams/age/keys.ts';
import { CliFailure, EXIT } from '../failure.ts';
import { downloadFile } from './download.ts';
import { type ExportFixture, makeExport } from './export-fixture.ts';
import type { Opening } from './opening.ts';
import type { OpenAt } from './resuming.ts';
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

/** Serves bytes from any offset, three at a time, and notes the offsets. */
function serve(bytes: Uint8Array) {
  const offsets: number[] = [];
  const open: OpenAt = async (offset) => {
    offsets.push(offset);
    return (async function* () {
      for (let at = offset; at < bytes.length; at += 3) yield bytes.subarray(at, at + 3);
    })();
  };
  return { open, offsets };
}

function download({ manifest }: ExportFixture, open: OpenAt, file: string, opening: Opening) {
  const signal = new AbortController().signal;
  return downloadFile({ entry: onlyFile(manifest), open, file, opening, retryMs: 0, signal, onProgress: () => {} });
}

describe('a download', () => {
  test('has its name only once it is whole', async () => {
    const made = await makeExport(CONTENTS, { compression: 'none', recipients: [] });
    const file = target();
    await download(made, serve(Buffer.concat(made.stored)).open, file, AS_STORED);
    expect(readFileSync(file, 'utf8')).toBe('User ID\n1\n2\n3\n');
    expect(existsSync(file + PARTIAL)).toBe(false);
  });

  test('goes on from what is there', async () => {
    const made = await makeExport(CONTENTS, { compression: 'none', recipients: [] });
    const file = target();
    writeFileSync(file + PARTIAL, 'User ID\n1\n2\n');
    const { open, offsets } = serve(Buffer.concat(made.stored));
    await download(made, open, file, AS_STORED);
    expect(readFileSync(file, 'utf8')).toBe('User ID\n1\n2\n3\n');
    expect(offsets).toEqual([12]);
  });

  test.each([
    ['in a part that is complete', 'User ID\n9\n2\n3'],
    ['in the last part', 'User ID\n1\n2\n9'],
    ['by being longer', 'User ID\n1\n2\n3\n4\n'],
  ])('begins anew when what is there is of another export, %s', async (_, left) => {
    const made = await makeExport(CONTENTS, { compression: 'none', recipients: [] });
    const file = target();
    writeFileSync(file + PARTIAL, left);
    await download(made, serve(Buffer.concat(made.stored)).open, file, AS_STORED);
    expect(readFileSync(file, 'utf8')).toBe('User ID\n1\n2\n3\n');
  });

  test('is opened on the way, and what was left is not used then', async () => {
    const key = await generateKey({ postQuantum: false });
    const made = await makeExport([CONTENTS[0]], { compression: 'zstd', recipients: [key.recipient] });
    const file = target();
    writeFileSync(file + PARTIAL, 'left');
    const bytes = await download(made, serve(Buffer.concat(made.stored)).open, file, {
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
    await expect(download(made, serve(damaged).open, file, { identity: undefined, decompress })).rejects.toThrow();
    expect(existsSync(file)).toBe(false);
    expect(existsSync(file + PARTIAL)).toBe(false);
  });

  test('with the wrong key saves nothing', async () => {
    const [key, other] = [await generateKey({ postQuantum: false }), await generateKey({ postQuantum: false })];
    const made = await makeExport([CONTENTS[0]], { compression: 'none', recipients: [key.recipient] });
    const file = target();
    const opening = { identity: other.identity, decompress: false };
    await expect(download(made, serve(Buffer.concat(made.stored)).open, file, opening)).rejects.toMatchObject({
      code: 'wrong_key',
    });
    expect(existsSync(file + PARTIAL)).toBe(false);
  });

  test('that is refused half-way keeps what it has', async () => {
    const made = await makeExport(CONTENTS, { compression: 'none', recipients: [] });
    const file = target();
    let calls = 0;
    const open: OpenAt = async () => {
      calls += 1;
      if (calls > 1) throw new CliFailure(EXIT.failed, 'The files of this export are gone.');
      return (async function* () {
        yield Buffer.from('User ID\n1');
      })();
    };
    await expect(download(made, open, file, AS_STORED)).rejects.toThrow('gone');
    expect(readFileSync(file + PARTIAL, 'utf8')).toBe('User ID\n1');
  });
});
