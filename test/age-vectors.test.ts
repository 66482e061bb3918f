import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as vectors from 'cctv-age';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../api/server.ts';
import { decodeJobId } from '../contracts/job-id.ts';
import { generateKey } from '../streams/age/keys.ts';
import { parseVector, type Vector } from './age-vectors.ts';
import { answerOf, BODY, type ComposedApi, finishExport, post, type StartedApi, startApi } from './api-set-up.ts';
import { temporaryFolder } from './cleanup.ts';
import { waybill } from './cli-run.ts';
import { readDownload } from './raw-download.ts';

const VECTORS = Object.entries(vectors).map(([name, bytes]) => parseVector(name, bytes));
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** What is not supported is refused with the command that opens it; the rest follows the vector. */
const isSupported = ({ armored, identity }: Vector) => !armored && identity !== '';

/** The vector's keys; where it has none, some key: a file that it cannot open. */
let someKey: string;
const keyOf = ({ identity }: Vector) => identity || someKey;

let started: StartedApi;
let api: ComposedApi;
let server: ApiServer;
let tenant: Awaited<ReturnType<StartedApi['addTenant']>>;
let folder: string;

beforeAll(async () => {
  started = await startApi();
  api = started.compose();
  server = await api.serve();
  tenant = await started.addTenant();
  folder = await temporaryFolder();
  someKey = (await generateKey({ postQuantum: false })).identity;
});
afterAll(async () => {
  await server.close(0);
  await started.stop();
});

test('there are enough of them, of every kind', () => {
  expect(VECTORS.length).toBeGreaterThanOrEqual(143);
  expect(new Set(VECTORS.map((vector) => vector.expect))).toEqual(
    new Set(['success', 'no match', 'HMAC failure', 'header failure', 'armor failure', 'payload failure']),
  );
  expect(VECTORS.filter(isSupported).length).toBeGreaterThan(80);
});

describe('waybill open', () => {
  test.each(VECTORS)('$name: $expect', async (vector) => {
    const [sealed, key, opened] = ['age', 'key', 'opened'].map((end) => join(folder, `${vector.name}.${end}`));
    if (!sealed || !key || !opened) throw new Error('no names');
    writeFileSync(sealed, vector.file);
    writeFileSync(key, `${keyOf(vector)}\n`, { mode: 0o600 });
    const { code, errors } = await waybill(['open', sealed, '--key-file', key, '-o', opened], {});
    if (isSupported(vector) && vector.expect === 'success') {
      expect([code, sha256(readFileSync(opened))]).toEqual([0, vector.payload]);
      return;
    }
    expect([code, existsSync(opened)]).toEqual([1, false]);
    expect(errors).not.toMatch(/unexpected/i);
    if (vector.expect === 'success') expect(errors).toContain('age -d');
  });
});

describe('the API unseals', () => {
  test.each(VECTORS.filter(({ identity }) => !identity.includes('\n')))('$name: $expect', async (vector) => {
    const recipient = (await generateKey({ postQuantum: false })).recipient;
    const ordered = await api.app.request('/exports', post(tenant.headers, { ...BODY, recipients: [recipient] }));
    const run = await started.ledger.runs.find(decodeJobId((await answerOf(ordered)).job.id)?.runId ?? '');
    if (!run) throw new Error('the export is not in the ledger');
    await finishExport(started, api, run, [vector.file]);
    const url = `http://127.0.0.1:${server.port}/exports/${run.runId}/file`;
    const answer = await readDownload(url, { ...tenant.headers, 'x-private-key': keyOf(vector) });
    if (isSupported(vector) && vector.expect === 'success') {
      expect([answer.status, answer.complete, sha256(answer.body)]).toEqual([200, true, vector.payload]);
      return;
    }
    expect(answer.status === 200 && answer.complete).toBe(false);
    if (answer.status !== 200) expect([403, 502, 500, 503]).toContain(answer.status);
  });
});
