import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { generateKey } from '../../streams/age/keys.ts';
import { envelopeOf } from '../../streams/signing.ts';
import { makeGeneration } from '../files/generation-fixture.ts';
import { NOTHING } from '../http/periodic-fixture.ts';
import { run } from '../program.ts';
import { createTerminal } from '../screen/terminal.ts';

const { recipient } = await generateKey({ postQuantum: false });
const { manifest, sealed } = await makeGeneration(recipient);
const NEWER = '1b2f1a52-6f0e-4a0c-9a36-3a9d8d0f3c11';

let directory: string;

beforeEach(() => {
  const scratch = mkdtempSync(join(tmpdir(), 'waybill-cli-'));
  onTestFinished(() => rmSync(scratch, { recursive: true, force: true }));
  directory = join(scratch, 'export');
});

/** What the server does with one request for a file; `undefined`: sends it. */
type Fault = 'newer generation' | 'no generation' | 'breaks off' | 'damaged' | undefined;

const ENVELOPE = envelopeOf(Buffer.from(JSON.stringify(manifest)), { keyid: 'key', sig: 'c2ln' });

/** Serves the generation; requests for files meet the faults in turn. */
async function serve(...faults: readonly Fault[]) {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://localhost');
    if (url.pathname === '/dataexport') return response.end(JSON.stringify(NOTHING));
    if (url.pathname === '/dataexport/manifest') return response.end(JSON.stringify(manifest));
    if (url.pathname === '/dataexport/manifest/signature') return response.end(JSON.stringify(ENVELOPE));
    const fault = faults[seen.length];
    const name = url.searchParams.get('file') ?? '';
    seen.push(name);
    const bytes = Buffer.from(sealed[`${name}.csv.age`] ?? 'a zip');
    if (fault === 'damaged') bytes.writeUInt8(bytes.readUInt8(0) ^ 1, 0);
    response.setHeader('content-length', bytes.length);
    if (fault === 'newer generation') response.setHeader('x-waybill-generation', NEWER);
    else if (fault !== 'no generation') response.setHeader('x-waybill-generation', manifest.runId);
    if (fault === 'breaks off') return response.write(bytes.subarray(0, 3), () => response.destroy());
    return response.end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

async function download(url: string, ...args: readonly string[]) {
  const [output, errors] = [new PassThrough(), new PassThrough()];
  const environment = { WAYBILL_URL: url, WAYBILL_CLIENT_ID: 'acme', WAYBILL_CLIENT_SECRET: 'secret' };
  const interruptible = () => new AbortController().signal;
  const cli = { terminal: createTerminal(output, errors), environment, interruptible };
  const code = await run(['periodic', ...args, '--sealed', '--json'], cli, '1.2.3');
  return { code, output: String(output.read() ?? ''), errors: String(errors.read() ?? '') };
}

describe('all files of a generation', () => {
  const all = (url: string) => download(url, 'download-all', '--directory', directory);

  test.each<[string, readonly Fault[], readonly string[]]>([
    ['are saved with their manifest', [], ['user', 'year']],
    ['are requested again after a broken connection', [undefined, 'breaks off'], ['user', 'year', 'year']],
    [
      'are requested again when a newer generation was published',
      [undefined, 'newer generation'],
      ['user', 'year', 'user', 'year'],
    ],
  ])('%s', async (_, faults, requests) => {
    const { url, seen } = await serve(...faults);
    const { code, output } = await all(url);
    expect([code, seen]).toEqual([0, requests]);
    expect(JSON.parse(output)).toMatchObject({ generationId: manifest.runId, files: ['user.csv.age', 'year.csv.age'] });
    expect(readdirSync(directory).sort()).toEqual([
      'manifest.dsse.json',
      'manifest.json',
      'user.csv.age',
      'year.csv.age',
    ]);
    expect(JSON.parse(readFileSync(join(directory, 'manifest.dsse.json'), 'utf8'))).toEqual(ENVELOPE);
    expect(readFileSync(join(directory, 'manifest.json'), 'utf8')).toBe(JSON.stringify(manifest));
    const hash = createHash('sha256')
      .update(readFileSync(join(directory, 'year.csv.age')))
      .digest('hex');
    expect(hash).toBe(manifest.files.find(({ file }) => file === 'year.csv.age')?.parts[0]?.sha256);
  });

  test.each<[string, readonly Fault[], string]>([
    ['one is damaged', [undefined, 'damaged'], 'year.csv.age'],
    ['newer generations keep coming', Array(9).fill('newer generation'), 'newer generation'],
    ['their generation is unknown', Array(9).fill('no generation'), 'newer generation'],
  ])('are none when %s', async (_, faults, message) => {
    const { url } = await serve(...faults);
    const { code, errors } = await all(url);
    expect([code, errors]).toEqual([1, expect.stringContaining(message)]);
    expect(readdirSync(directory)).toEqual([]);
  });
});

describe('a single download', () => {
  test('is checked against the manifest', async () => {
    const target = join(directory, '..', 'user.csv.age');
    const { url } = await serve('damaged');
    const { code, errors } = await download(url, 'download', 'user', '-o', target);
    expect([code, errors]).toEqual([1, expect.stringContaining('object_damaged')]);
    expect(existsSync(target)).toBe(false);
  });

  test('of the zip is saved only when it is complete', async () => {
    const target = join(directory, '..', 'all.zip');
    const breaking = await serve('breaks off');
    const broken = await download(breaking.url, 'download-all', '-o', target);
    expect([broken.code, broken.errors]).toEqual([3, expect.stringContaining('broken_off')]);
    expect(existsSync(target)).toBe(false);
    const { url } = await serve('newer generation');
    expect((await download(url, 'download-all', '-o', target)).code).toBe(0);
    expect(readFileSync(target, 'utf8')).toBe('a zip');
  });
});
