import { request } from 'node:http';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../api/server.ts';
import { answerOf, BODY, type ComposedApi, post, type StartedApi, startApi } from './api-set-up.ts';

/** A count of requests of each property. */
const RUNS = 2500;
/** Words that would only be there if something of the inside came out. */
const INSIDE = /select |insert |pg_|postgres|127\.0\.0\.1|\.ts:|node_modules|at async|stack|Kysely|ECONN/i;

let started: StartedApi;
let api: ComposedApi;
let tenant: Awaited<ReturnType<StartedApi['addTenant']>>;
let stranger: Awaited<ReturnType<StartedApi['addTenant']>>;
let jobId: string;
let server: ApiServer;

beforeAll(async () => {
  started = await startApi();
  api = started.compose({ WAYBILL_TENANT_EXPORTS_MAX: 1_000_000 });
  tenant = await started.addTenant();
  stranger = await started.addTenant();
  jobId = (await answerOf(await api.app.request('/exports', post(tenant.headers, BODY)))).job.id;
  server = await api.serve();
});
afterAll(async () => {
  await server.close(0);
  await started.stop();
});

async function judge(response: Response, request: unknown) {
  const text = await response.text();
  expect([response.status < 500, request, text]).toEqual([true, request, text]);
  expect(text).not.toMatch(INSIDE);
  return text;
}

const awkward = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(
    "' or 1=1 --",
    '../../etc/passwd',
    '%2e%2e%2f',
    '\0',
    '\ud800',
    '__proto__',
    'constructor',
    '🚢',
    '%',
    '%zz',
    'a'.repeat(3000),
    '',
  ),
);

test('bodies: whatever comes, no 5xx and nothing of the inside', async () => {
  const value = fc.oneof(awkward, fc.jsonValue({ maxDepth: 3 }), fc.double(), fc.maxSafeInteger());
  const fields = fc.record(
    {
      startDate: fc.oneof(fc.constant(BODY.startDate), fc.date({ noInvalidDate: true }).map(String), value),
      endDate: fc.oneof(fc.constant(BODY.endDate), value),
      exportType: fc.oneof(fc.constantFrom('NOTES', 'LEARNING_ACTIVITY_INTERACTIONS'), value),
      format: fc.oneof(fc.constantFrom('CSV', 'JSONL'), value),
      about: value,
      learningActivityId: value,
      columns: fc.oneof(fc.array(fc.oneof(fc.constantFrom('id', 'name'), awkward)), value),
      csv: fc.oneof(fc.record({ delimiter: awkward, nullText: awkward }, { requiredKeys: [] }), value),
      recipients: fc.oneof(fc.array(awkward), value),
      keepDays: value,
      compression: fc.oneof(fc.constantFrom('zstd', 'gzip'), value),
    },
    { requiredKeys: [] },
  );
  const body = fc.oneof({ weight: 6, arbitrary: fields }, { weight: 1, arbitrary: fc.dictionary(awkward, value) });
  await fc.assert(
    fc.asyncProperty(body, async (sent) => {
      const response = await api.app.request('/exports', post(tenant.headers, { ...sent }));
      await judge(response, sent);
      expect([202, 400]).toContain(response.status);
    }),
    { numRuns: RUNS },
  );
});

test('an order that is accepted is well formed', async () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(text, async (about) => {
      const response = await api.app.request('/exports', post(tenant.headers, { ...BODY, exportType: 'NOTES', about }));
      const { job } = await answerOf(response);
      if (response.status !== 202) return;
      const shown = await api.app.request(`/exports?id=${job.id}`, { headers: tenant.headers });
      expect(shown.status).toBe(200);
    }),
    { numRuns: 300 },
  );
});

test('ids: no export of another tenant, no 5xx', async () => {
  const mutated = fc
    .tuple(fc.nat({ max: jobId.length - 1 }), fc.string({ maxLength: 3 }))
    .map(([at, text]) => jobId.slice(0, at) + text + jobId.slice(at + 1));
  const forged = fc.tuple(awkward, awkward).map((pair) => Buffer.from(JSON.stringify(pair)).toString('base64'));
  const id = fc.oneof(awkward, mutated, forged, fc.uuid(), fc.constant(jobId));
  const suffix = fc.constantFrom('', '/file', '/manifest', '/events', '/links', '/resubmit');
  await fc.assert(
    fc.asyncProperty(id, suffix, fc.constantFrom('GET', 'HEAD', 'DELETE', 'POST'), async (text, rest, method) => {
      const path = `/exports/${encodeURIComponent(text.toWellFormed())}${rest}`;
      const response = await api.app.request(path, { method, headers: stranger.headers });
      const told = await judge(response, [method, path]);
      // An empty id leads to the list, which is the stranger's own and empty.
      if (response.status < 300)
        expect([text, told]).toEqual(['', method === 'HEAD' ? '' : '{"items":[],"next":null}']);
    }),
    { numRuns: RUNS },
  );
});

test('queries of lists and links: no 5xx', async () => {
  const name = fc.constantFrom('id', 'status', 'dataset', 'cursor', 'limit', 'expires', 'issued', 'signature');
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(name, awkward), { maxLength: 4 }), fc.boolean(), async (pairs, file) => {
      const query = pairs.map(([key, value]) => `${key}=${encodeURIComponent(value.toWellFormed())}`).join('&');
      const path = `/exports${file ? '/0b6b7229-1a2a-43c8-bc82-51782230b846/file' : ''}?${query}`;
      await judge(await api.app.request(path, { headers: stranger.headers }), path);
    }),
    { numRuns: RUNS },
  );
});

test('credentials: whatever is presented, 401 and no 5xx', async () => {
  const printable = fc.string({ unit: 'grapheme-ascii', maxLength: 60 });
  const scheme = fc.constantFrom('Basic ', 'Bearer ', 'Digest ', '');
  const presented = fc.oneof(
    fc.tuple(scheme, printable).map(([word, text]) => ({ authorization: `${word}${text.trim()}` })),
    fc
      .tuple(awkward, awkward)
      .map(([id, key]) => ({ authorization: `Basic ${btoa(encodeURI(`${id}:${key}`.toWellFormed()))}` })),
    printable.map((text) => ({ 'api-key': text.trim() })),
  );
  await fc.assert(
    fc.asyncProperty(presented, async (headers) => {
      const response = await api.app.request('/exports', { headers });
      await judge(response, headers);
      expect(response.status).toBe(401);
    }),
    { numRuns: 60 },
  );
});

test('raw request targets over a socket: no 5xx', async () => {
  const target = fc
    .string({ unit: fc.constantFrom(...'/.%?#&=:@\\~;+-_aZ09<>[]{}|^`"'.split('')), maxLength: 60 })
    .map((text) => `/${text}`);
  const host = fc.constantFrom('waybill.test', '127.0.0.1', '', 'a b', '[::1]', 'x:99999', '..');
  await fc.assert(
    fc.asyncProperty(
      target,
      host,
      fc.constantFrom('GET', 'HEAD', 'POST', 'DELETE', 'OPTIONS'),
      async (path, name, method) => {
        const status = await new Promise<number>((resolve, reject) => {
          const outgoing = request(
            {
              host: '127.0.0.1',
              port: server.port,
              path,
              method,
              headers: { host: name, ...stranger.headers },
              agent: false,
            },
            (response) => {
              response.resume();
              response.once('end', () => resolve(response.statusCode ?? 0));
            },
          );
          outgoing.once('error', reject);
          outgoing.end();
        });
        expect([path, name, status < 500]).toEqual([path, name, true]);
      },
    ),
    { numRuns: 800 },
  );
});
