import { randomBytes } from 'node:crypto';
import { get } from 'node:http';
import { zstdCompressSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { ApiServer } from '../api/server.ts';
import { createCatalog } from '../config/catalog.ts';
import type { Instant } from '../contracts/instant.ts';
import { decodeJobId, encodeJobId } from '../contracts/job-id.ts';
import { manifestKey } from '../contracts/keys.ts';
import { onlyFile } from '../contracts/manifest.ts';
import { CSV_DEFAULTS } from '../contracts/order.ts';
import { generateKey } from '../streams/age/keys.ts';
import { seal } from '../streams/age/payload.ts';
import {
  answerOf,
  BODY,
  type ComposedApi,
  dataset,
  finishExport,
  post,
  type StartedApi,
  startApi,
} from './api-set-up.ts';
import { exportPrefix } from './keys.ts';
import { openDownload } from './raw-download.ts';

let started: StartedApi;
let api: ComposedApi;
let tenant: Awaited<ReturnType<StartedApi['addTenant']>>;
let server: ApiServer;
let address: string;

beforeAll(async () => {
  started = await startApi();
});
afterAll(() => started.stop());

beforeEach(async () => {
  api = started.compose();
  tenant = await started.addTenant();
  server = await api.serve();
  address = `http://127.0.0.1:${server.port}`;
});
afterEach(async () => {
  started.time.offsetMs = 0;
  await server.close(0);
  expect(api.objects.openReads).toBe(0);
});

interface Shown {
  readonly state: string;
  readonly downloadUrl: string | null;
}

/** Three parts of odd sizes, with an empty one among them. */
const PARTS = [2500, 0, 1, 7001].map((size) => new Uint8Array(randomBytes(size)));
const WHOLE = Buffer.concat(PARTS);

async function order(options: object = {}) {
  const response = await api.app.request('/exports', post(tenant.headers, { ...BODY, ...options }));
  const job = decodeJobId((await answerOf(response)).job.id);
  const record = await started.ledger.runs.find(job?.runId ?? '');
  if (!record) throw new Error('The export is not in the ledger');
  return record;
}

async function finished(parts: readonly Uint8Array[] = PARTS) {
  const record = await order();
  const described = onlyFile(await finishExport(started, api, record, parts));
  return { record, described, path: `/exports/${record.runId}/file` };
}

function fetchFile(path: string, headers: Readonly<Record<string, string>> = {}, method = 'GET') {
  return fetch(`${address}${path}`, { method, headers: { ...tenant.headers, ...headers } });
}

describe('the whole file', () => {
  test('comes in order, with its length, name and validators', async () => {
    const { path, described } = await finished();
    const response = await fetchFile(path);
    expect(response.status).toBe(200);
    expect(Buffer.from(await response.arrayBuffer()).equals(WHOLE)).toBe(true);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-length': String(WHOLE.byteLength),
      'content-type': 'text/csv; charset=utf-8',
      'content-disposition': `attachment; filename="${described.file}"; filename*=UTF-8''${described.file}`,
      'accept-ranges': 'bytes',
      'last-modified': 'Sat, 21 Nov 2026 07:00:00 GMT',
      etag: expect.stringMatching(/^"[0-9a-f]{40}"$/),
    });
  });

  test('HEAD says the same and sends nothing', async () => {
    const { path } = await finished();
    const [got, head] = await Promise.all([fetchFile(path), fetchFile(path, { range: 'bytes=0-9' }, 'HEAD')]);
    await got.arrayBuffer();
    expect(head.status).toBe(200);
    for (const name of ['content-length', 'etag', 'content-type', 'content-disposition', 'last-modified']) {
      expect(head.headers.get(name)).toBe(got.headers.get(name));
    }
    expect((await head.arrayBuffer()).byteLength).toBe(0);
  });

  test('an empty file is an empty answer', async () => {
    const { path } = await finished([]);
    const response = await fetchFile(path);
    expect([response.status, response.headers.get('content-length')]).toEqual([200, '0']);
    expect((await fetchFile(path, { range: 'bytes=0-' })).status).toBe(416);
  });
});

describe('ranges', () => {
  const size = WHOLE.byteLength;
  test.each([
    ['bytes=0-0', 0, 1],
    ['bytes=0-2499', 0, 2500],
    ['bytes=2499-2501', 2499, 2502],
    ['bytes=2500-2500', 2500, 2501],
    ['bytes=2501-', 2501, size],
    ['bytes=-1', size - 1, size],
    ['bytes=-99999', 0, size],
    [`bytes=${size - 1}-${size + 5}`, size - 1, size],
  ])('%s', async (range, from, to) => {
    const { path } = await finished();
    const response = await fetchFile(path, { range });
    expect(response.status).toBe(206);
    expect(response.headers.get('content-range')).toBe(`bytes ${from}-${to - 1}/${size}`);
    expect(Buffer.from(await response.arrayBuffer()).equals(WHOLE.subarray(from, to))).toBe(true);
  });

  test.each([`bytes=${size}-`, 'bytes=-0'])('%s is not satisfiable', async (range) => {
    const { path } = await finished();
    const response = await fetchFile(path, { range });
    expect([response.status, response.headers.get('content-range')]).toEqual([416, `bytes */${size}`]);
    expect(await answerOf(response)).toMatchObject({ code: 'range_not_satisfiable' });
  });

  test.each(['bytes=0-1,5-6', 'bytes=5-4', 'lines=1-2', 'bytes=', 'bytes=-', 'bytes=a-b'])(
    '%s is passed over',
    async (range) => {
      const { path } = await finished();
      const response = await fetchFile(path, { range });
      expect([response.status, (await response.arrayBuffer()).byteLength]).toEqual([200, size]);
    },
  );

  test('If-Range counts when it names this file', async () => {
    const { path } = await finished();
    const etag = (await fetchFile(path, {}, 'HEAD')).headers.get('etag') ?? '';
    const status = async (ifRange: string) => {
      const response = await fetchFile(path, { range: 'bytes=0-0', 'if-range': ifRange });
      await response.arrayBuffer();
      return response.status;
    };
    expect(await status(etag)).toBe(206);
    expect(await status('Sat, 21 Nov 2026 07:00:00 GMT')).toBe(206);
    expect(await status('"other"')).toBe(200);
    expect(await status(`W/${etag}`)).toBe(200);
    expect(await status('Sat, 21 Nov 2026 07:00:01 GMT')).toBe(200);
  });
});

test.each([
  ['if-none-match', 'ETAG', 304],
  ['if-none-match', 'W/ETAG, "x"', 304],
  ['if-none-match', '*', 304],
  ['if-none-match', '"x"', 200],
  ['if-match', 'ETAG', 200],
  ['if-match', 'W/ETAG', 412],
  ['if-match', '"x"', 412],
  ['if-modified-since', 'Sat, 21 Nov 2026 07:00:00 GMT', 304],
  ['if-modified-since', 'Sat, 21 Nov 2026 06:59:59 GMT', 200],
  ['if-modified-since', 'gibberish', 200],
  ['if-unmodified-since', 'Sat, 21 Nov 2026 06:59:59 GMT', 412],
  ['if-unmodified-since', 'Sat, 21 Nov 2026 07:00:00 GMT', 200],
])('%s: %s is %i', async (name, value, status) => {
  const { path } = await finished();
  const etag = (await fetchFile(path, {}, 'HEAD')).headers.get('etag') ?? '';
  for (const method of ['GET', 'HEAD']) {
    const response = await fetchFile(path, { [name]: value.replace('ETAG', etag) }, method);
    await response.arrayBuffer();
    expect(response.status).toBe(status);
  }
});

describe('a file that is not what the manifest says cuts the connection', () => {
  test.each([
    ['one byte is another', (key: string) => void api.objects.stored.get(key)?.set([1, 2, 3], 6000)],
    ['it is shorter', (key: string) => void api.objects.stored.set(key, PARTS[3]?.slice(0, 5000) ?? new Uint8Array())],
    ['it is gone', (key: string) => void api.objects.stored.delete(key)],
  ])('%s', async (_name, damage) => {
    const { path, record, described } = await finished(PARTS.map((part) => part.slice()));
    damage(`${exportPrefix(tenant.key, record.runId)}${described.parts[3]?.name}`);
    const response = await fetchFile(path).catch((error: unknown) => error);
    if (response instanceof Error) expect(response).toBeInstanceOf(TypeError);
    else await expect((response as Response).arrayBuffer()).rejects.toThrow();
  });

  test('and tells operators that the file is damaged, in a sentence of its own', async () => {
    const { path, record, described } = await finished(PARTS.map((part) => part.slice()));
    api.objects.stored
      .get(`${exportPrefix(tenant.key, record.runId)}${described.parts[3]?.name}`)
      ?.set([1, 2, 3], 6000);
    started.logged.length = 0;
    await fetchFile(path)
      .then((response) => response.arrayBuffer())
      .catch(() => undefined);
    const told = () => started.logged.map((line): { level: number; msg: string } => JSON.parse(line));
    await expect
      .poll(told)
      .toContainEqual(expect.objectContaining({ level: 50, msg: 'a stored file is damaged: a download was cut off' }));
  });

  test('when its first part is gone, that can still be told', async () => {
    const { path, record, described } = await finished();
    api.objects.stored.delete(`${exportPrefix(tenant.key, record.runId)}${described.parts[0]?.name}`);
    const response = await fetchFile(path);
    expect([response.status, (await answerOf(response)).code]).toEqual([410, 'gone']);
  });
});

test('a client that goes away ends the read of the store', async () => {
  const { path } = await finished([new Uint8Array(20_000_000)]);
  await new Promise<void>((resolve, reject) => {
    const request = get(`${address}${path}`, { headers: tenant.headers }, (response) => {
      response.once('data', () => {
        expect(api.objects.openReads).toBe(1);
        request.destroy();
        resolve();
      });
    });
    request.once('error', reject);
  });
  await vi.waitFor(() => expect(api.objects.openReads).toBe(0));
});

describe('an export without a file', () => {
  test.each([
    ['pending', 409, 'not_ready'],
    ['failed', 409, 'no_file'],
    ['cancelled', 409, 'no_file'],
    ['expired', 410, 'gone'],
    ['deleted', 410, 'gone'],
  ] as const)('%s', async (state, status, code) => {
    const record = await order();
    const { ledger } = started;
    if (state === 'failed' || state === 'cancelled') {
      await ledger.runs.end(record.runId, {
        state,
        failure: { code: 'source_changed', message: 'It changed.' },
      });
    }
    if (state === 'expired' || state === 'deleted') {
      await finishExport(started, api, record, PARTS);
      await ledger.runs.recordRemoval(record.runId, state);
    }
    const response = await fetchFile(`/exports/${record.runId}/file`);
    expect([response.status, (await answerOf(response)).code]).toEqual([status, code]);
    expect((await fetchFile(`/exports/${record.runId}/manifest`)).status).toBe(status);
  });

  test('one that has expired is gone at that very moment, also while its objects are still there', async () => {
    const record = await order();
    const expiresAt = '2026-12-01T00:00:00.000000Z' as Instant;
    await finishExport(started, api, record, PARTS, { expiresAt });
    const seen = async () => {
      const file = await fetchFile(`/exports/${record.runId}/file`, {}, 'HEAD');
      const { state, downloadUrl } = (await (await fetchFile(`/exports/${record.runId}`)).json()) as Shown;
      const listed = (await answerOf(await fetchFile('/exports?status=COMPLETED'))).items.length;
      const { job } = await answerOf(await fetchFile(`/exports?id=${record.runId}`));
      return [file.status, state, downloadUrl === null, listed, job.status];
    };
    started.time.offsetMs = Date.parse(expiresAt) - Date.now() - 60_000;
    expect(await seen()).toEqual([200, 'completed', false, 1, 'COMPLETED']);
    started.time.offsetMs += 60_001;
    expect(await seen()).toEqual([410, 'expired', true, 0, 'FAILED']);
  });

  test('a completed one whose manifest is gone is gone, and a damaged manifest is told', async () => {
    const { path, record } = await finished();
    const key = manifestKey(exportPrefix(tenant.key, record.runId));
    const stored = Buffer.from(api.objects.stored.get(key) ?? '').toString();
    for (const damaged of ['{"version":1}', stored.replace('"rows":1', '"rows":2')]) {
      api.objects.stored.set(key, Buffer.from(damaged));
      expect((await answerOf(await fetchFile(path))).code).toBe('object_damaged');
    }
    api.objects.stored.delete(key);
    expect((await answerOf(await fetchFile(path))).code).toBe('gone');
    api.objects.away = true;
    expect((await fetchFile(path)).status).toBe(503);
  });
});

test('the manifest comes byte for byte, with an entity tag', async () => {
  const { record } = await finished();
  const path = `/exports/${record.runId}/manifest`;
  const response = await fetchFile(path);
  const stored = api.objects.stored.get(manifestKey(exportPrefix(tenant.key, record.runId)));
  expect(Buffer.from(await response.arrayBuffer()).equals(stored ?? Buffer.alloc(0))).toBe(true);
  expect((await fetchFile(path, { 'if-none-match': response.headers.get('etag') ?? '' })).status).toBe(304);
});

describe('a sealed file', () => {
  async function sealed(content: Uint8Array, compression: 'none' | 'zstd') {
    const { identity, recipient } = await generateKey({ postQuantum: false });
    const record = await order({ recipients: [recipient], compression });
    const chunks: Uint8Array[] = [];
    async function* source() {
      yield content;
    }
    for await (const chunk of seal(source(), [recipient])) chunks.push(Buffer.from(chunk));
    await finishExport(started, api, record, [Buffer.concat(chunks)]);
    return { identity, path: `/exports/${record.runId}/file` };
  }

  test.each([0, 1, 65_536, 200_000, 20_000_000])('of %i bytes is opened on the way, with its length', async (size) => {
    const content = new Uint8Array(randomBytes(size));
    const { identity, path } = await sealed(content, 'none');
    const response = await fetchFile(path, { 'x-private-key': identity, range: 'bytes=0-0' });
    expect([response.status, response.headers.get('content-length')]).toEqual([200, String(size)]);
    expect(response.headers.get('content-disposition')).toContain('filename="learning_activities.csv"');
    expect(Buffer.from(await response.arrayBuffer()).equals(content)).toBe(true);
    const head = await fetchFile(path, { 'x-private-key': identity }, 'HEAD');
    expect([head.status, head.headers.get('content-length')]).toEqual([200, String(size)]);
  });

  test('stays compressed', async () => {
    const content = new Uint8Array(zstdCompressSync('a,b\n1,2\n'));
    const { identity, path } = await sealed(content, 'zstd');
    const response = await fetchFile(path, { 'x-private-key': identity });
    expect(response.headers.get('content-type')).toBe('application/zstd');
    expect(response.headers.get('content-disposition')).toContain('filename="learning_activities.csv.zst"');
    expect(Buffer.from(await response.arrayBuffer()).equals(content)).toBe(true);
  });

  test('does not open for another key, and no key is logged', async () => {
    const { identity, path } = await sealed(new Uint8Array(10), 'none');
    const other = (await generateKey({ postQuantum: false })).identity;
    for (const key of [other, 'AGE-SECRET-KEY-1XXX', 'nonsense']) {
      const response = await fetchFile(path, { 'x-private-key': key });
      expect([response.status, (await answerOf(response)).code]).toEqual([403, 'wrong_key']);
    }
    await (await fetchFile(path, { 'x-private-key': identity })).arrayBuffer();
    for (const key of [identity, other]) expect(started.logged.join('')).not.toContain(key);
  });

  test('a key for a file that is not sealed is refused', async () => {
    const { path } = await finished();
    const { identity } = await generateKey({ postQuantum: false });
    const response = await fetchFile(path, { 'x-private-key': identity });
    expect([response.status, (await answerOf(response)).code]).toEqual([400, 'not_sealed']);
  });
});

describe('links', () => {
  async function link(id: string) {
    const response = await api.app.request(`/exports?${new URLSearchParams({ id })}`, { headers: tenant.headers });
    const { job, exportData } = await answerOf(response);
    expect(job.exportData).toEqual(exportData);
    const url = new URL(exportData.downloadUrl);
    return { path: `${url.pathname}${url.search}`, url, expiresAt: new Date(exportData.downloadExpiresAt) };
  }
  const follow = (path: string, method = 'GET') => fetch(`${address}${path}`, { method });

  test('download without credentials, whole, in ranges, by HEAD and under the alias', async () => {
    const { record } = await finished();
    const { path } = await link(encodeJobId({ workflowId: record.workflowId, runId: record.runId }));
    expect((await (await follow(path)).arrayBuffer()).byteLength).toBe(WHOLE.byteLength);
    expect((await follow(path, 'HEAD')).headers.get('content-length')).toBe(String(WHOLE.byteLength));
    expect((await (await follow(`/tp-api${path}`)).arrayBuffer()).byteLength).toBe(WHOLE.byteLength);
    const ranged = await fetch(`${address}${path}`, { headers: { range: 'bytes=5-6' } });
    expect([ranged.status, (await ranged.arrayBuffer()).byteLength]).toEqual([206, 2]);
    const trail = await started.ledger.audit.list(tenant.key, 3);
    expect(trail[0]).toMatchObject({ action: 'export.downloaded', actor: 'link', runId: record.runId });
    expect(started.logged.join('')).not.toContain(new URLSearchParams(path.split('?')[1]).get('signature'));
  });

  test('open nothing else, and only their own export', async () => {
    const [one, other] = [await finished(), await order({ format: 'JSONL' })];
    const { url } = await link(one.record.runId);
    expect((await follow(`/exports/${other.runId}/file${url.search}`)).status).toBe(403);
    expect((await follow(`/exports/${one.record.runId}/manifest${url.search}`)).status).toBe(401);
    expect((await follow(`/exports/${one.record.runId}${url.search}`, 'DELETE')).status).toBe(401);
  });

  test.each(['expires', 'issued', 'signature'])('with another %s are not valid', async (name) => {
    const { record } = await finished();
    const { url } = await link(record.runId);
    for (const value of ['1', '99999999999999', '', 'abc', '1e20']) {
      const query = new URLSearchParams(url.search);
      query.set(name, value);
      const response = await follow(`${url.pathname}?${query}`);
      expect([response.status, (await answerOf(response)).code]).toEqual([403, 'link_invalid']);
    }
  });

  test('expire', async () => {
    const { record } = await finished();
    const { path, expiresAt } = await link(record.runId);
    started.time.offsetMs = expiresAt.getTime() - Date.now() - 5000;
    expect((await follow(path, 'HEAD')).status).toBe(200);
    started.time.offsetMs = expiresAt.getTime() - Date.now() + 1;
    const response = await follow(path);
    expect([response.status, (await answerOf(response)).code]).toEqual([410, 'link_expired']);
  });

  test('never outlive the file', async () => {
    const record = await order();
    const expiresAt = new Date(Date.now() + 60_000);
    await finishExport(started, api, record, PARTS, {
      expiresAt: expiresAt.toISOString().replace('Z', '000Z') as never,
    });
    expect((await link(record.runId)).expiresAt).toEqual(expiresAt);
  });

  test('are void once revoked; a new one works', async () => {
    const { record } = await finished();
    const before = await link(record.runId);
    const revoked = await fetchFile(`/exports/${record.runId}/links`, {}, 'DELETE');
    expect(revoked.status).toBe(204);
    expect((await follow(before.path)).status).toBe(403);
    expect((await follow((await link(record.runId)).path, 'HEAD')).status).toBe(200);
  });

  test('are void when the tenant is disabled', async () => {
    const { record } = await finished();
    const { path } = await link(record.runId);
    await started.ledger.tenants.disable(tenant.key);
    expect((await follow(path)).status).toBe(403);
  });
});

describe('deleting', () => {
  test('removes every object, is idempotent, and is told by status and audit', async () => {
    const { record, path } = await finished();
    const remove = () => fetchFile(`/exports/${record.runId}`, {}, 'DELETE');
    expect((await remove()).status).toBe(204);
    expect([...api.objects.stored.keys()].filter((key) => key.includes(record.runId))).toEqual([]);
    expect((await remove()).status).toBe(204);
    expect((await fetchFile(path)).status).toBe(410);
    const status = await answerOf(await fetchFile(`/exports?id=${record.runId}`));
    expect(status).toMatchObject({ job: { status: 'FAILED' }, errors: [{ key: 'gone' }] });
    expect(status.exportData).toBeUndefined();
    const trail = await started.ledger.audit.list(tenant.key, 10);
    expect(trail.filter(({ action }) => action === 'export.deleted')).toHaveLength(1);
  });

  test('a running one is cancelled, and stays PENDING until the workflow says so', async () => {
    const record = await order();
    expect((await fetchFile(`/exports/${record.runId}`, {}, 'DELETE')).status).toBe(202);
    expect(api.temporal.cancelled.includes(record.runId)).toBe(true);
    expect((await answerOf(await fetchFile(`/exports/${record.runId}`))).state).toBe('pending');
    await started.ledger.runs.end(record.runId, {
      state: 'cancelled',
      failure: { code: 'cancelled', message: 'It was cancelled.' },
    });
    for (const _again of [1, 2]) {
      const status = await answerOf(await fetchFile(`/exports?id=${record.runId}`));
      expect(status).toMatchObject({ job: { status: 'FAILED' }, errors: [{ key: 'cancelled' }] });
      expect((await fetchFile(`/exports/${record.runId}`, {}, 'DELETE')).status).toBe(204);
    }
  });

  test('one that was ended from outside is recorded as cancelled', async () => {
    const record = await order();
    api.temporal.running.clear();
    expect((await fetchFile(`/exports/${record.runId}`, {}, 'DELETE')).status).toBe(202);
    expect((await started.ledger.runs.find(record.runId))?.state).toBe('cancelled');
  });
});

test('resubmitting orders the same again', async () => {
  const { record } = await finished();
  const response = await fetchFile(`/exports/${record.runId}/resubmit`, {}, 'POST');
  expect(response.status).toBe(202);
  const job = decodeJobId((await answerOf(response)).job.id);
  expect(job?.workflowId).toBe(record.workflowId);
  expect(job?.runId).not.toBe(record.runId);
  expect((await started.ledger.runs.find(job?.runId ?? ''))?.order).toEqual({ ...record.order, csv: CSV_DEFAULTS });
});

test('resubmitting is refused if rows can no longer be chosen by a column, as it is anonymized since', async () => {
  const { runId } = await order({ filter: [{ column: 'name', op: 'eq', value: 'Ada' }] });
  const columns = [
    { name: 'name', header: 'Name', type: 'text', label: null, valueLabels: null, anonymizedFrom: 'text' } as const,
  ];
  const later = started.compose({}, createCatalog([dataset('LEARNING_ACTIVITIES', { columns })]));
  const response = await later.app.request(`/exports/${runId}/resubmit`, { method: 'POST', headers: tenant.headers });
  expect(response.status).toBe(400);
  expect((await answerOf(response)).code).toBe('unknown_column');
});

describe('downloads of a tenant at once', () => {
  test('are limited, and another can begin when one has ended or its client has left', async () => {
    api = started.compose({ WAYBILL_TENANT_DOWNLOADS_MAX: 2 });
    await server.close(0);
    server = await api.serve();
    address = `http://127.0.0.1:${server.port}`;
    const { path } = await finished([new Uint8Array(32 * 1024 * 1024)]);
    const open = () => openDownload(`${address}${path}`, tenant.headers);
    const status = async () => {
      const answer = await open();
      answer.destroy();
      return answer.statusCode;
    };
    const [left, read] = [await open(), await open()];
    const refused = await fetchFile(path);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '30']);
    expect((await answerOf(refused)).code).toBe('rate_limited');
    expect((await fetchFile(path, {}, 'HEAD')).status).toBe(200);

    left.destroy();
    await expect.poll(status).toBe(200);
    for await (const _ of read);
    await expect.poll(async () => (await Promise.all([status(), status()])).join()).toBe('200,200');
    await expect.poll(() => api.objects.openReads).toBe(0);
  });
});
