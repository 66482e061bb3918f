import { request } from 'node:http';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../api/server.ts';
import { answerOf, BODY, type ComposedApi, post, type StartedApi, startApi } from './api-set-up.ts';
import { publishSealed } from './sealed-generation.ts';

/** A count of requests of each property. */
const RUNS = 2500;
/** Words that would only be there if something of the inside came out. */
const INSIDE = /select |insert |pg_|postgres|127\.0\.0\.1|\.ts:|node_modules|at async|stack|Kysely|ECONN/i;

let started: StartedApi;
let api: ComposedApi;
let tenant: Awaited<ReturnType<StartedApi['addTenant']>>;
let stranger: Awaited<ReturnType<StartedApi['addTenant']>>;
let jobId: string;
let owner: Awaited<ReturnType<StartedApi['addTenant']>>;
let privateKey: string;
let documented: ReadonlyMap<string, string>;
let server: ApiServer;

beforeAll(async () => {
  started = await startApi();
  api = started.compose({ WAYBILL_TENANT_EXPORTS_MAX: 1_000_000 });
  tenant = await started.addTenant();
  stranger = await started.addTenant();
  jobId = (await answerOf(await api.app.request('/exports', post(tenant.headers, BODY)))).job.id;
  owner = await started.addTenant();
  const enabled = await api.app.request('/dataexport/enable', post(owner.headers, {}));
  ({ privateKey } = (await enabled.json()) as { privateKey: string });
  await publishSealed(started, api, owner.key);
  documented = await documentedAnswers();
  server = await api.serve();
});
afterAll(async () => {
  await server.close(0);
  await started.stop();
});

/** What the OpenAPI document says of each answer: by `get /path 200`. */
async function documentedAnswers(): Promise<ReadonlyMap<string, string>> {
  const { paths } = (await (await api.app.request('/openapi.json')).json()) as {
    paths: Record<string, Record<string, { responses: Record<string, { description: string }> }>>;
  };
  return new Map(
    Object.entries(paths).flatMap(([path, operations]) =>
      Object.entries(operations).flatMap(([method, { responses }]) =>
        Object.entries(responses).map(
          ([status, { description }]) => [`${method} ${path} ${status}`, description] as const,
        ),
      ),
    ),
  );
}

/** Holds an answer to the document: its status is there, and its code too. */
function assertDocumented(method: string, path: string, { status }: Response, text: string) {
  const said = documented.get(`${method === 'HEAD' ? 'get' : method.toLowerCase()} ${path} ${status}`);
  expect([method, path, status, said]).toEqual([method, path, status, expect.any(String)]);
  if (status < 400 || method === 'HEAD') return;
  const { code, allowed, errors } = JSON.parse(text) as { code: string; allowed?: unknown; errors?: unknown[] };
  expect(said).toContain(`\`${code}\``);
  if (status === 400 && code !== 'malformed_body') expect(errors?.length).toBeGreaterThan(0);
  if (code.startsWith('unknown_file')) expect(allowed).toEqual(expect.arrayContaining([expect.any(String)]));
}

async function judge(response: Response, request: unknown) {
  const text = await response.text();
  expect([response.status < 500, request, text]).toEqual([true, request, text]);
  // Errors name the caller's own fields, which may look like something of the inside.
  const sent = JSON.stringify(request);
  const inside = [...text.matchAll(new RegExp(INSIDE, 'gi'))].map(([found]) => found);
  expect(inside.filter((found) => !sent.includes(found))).toEqual([]);
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

test('periodic settings: whatever is asked for, it is documented, and a key is answered once or not at all', async () => {
  const value = fc.oneof(awkward, fc.jsonValue({ maxDepth: 2 }));
  const fields = fc.record(
    {
      recipient: fc.oneof(fc.constantFrom('age1', 'AGE-SECRET-KEY-1QQQ', 'ssh-ed25519 AAAA'), value),
      postQuantum: fc.oneof(fc.boolean(), value),
      at: fc.oneof(fc.constantFrom('01:30', '24:00', '1:30'), value),
      timeZone: fc.oneof(fc.constantFrom('Europe/Amsterdam', 'europe/amsterdam', 'UTC+25', '+01:00'), value),
    },
    { requiredKeys: [] },
  );
  const body = fc.oneof({ weight: 6, arbitrary: fields }, { weight: 1, arbitrary: fc.dictionary(awkward, value) });
  const path = fc.constantFrom('enable', 'rotate', 'disable', 'disable?deleteSettings=true');
  const query = fc.oneof(
    fc.constant(''),
    awkward.map((text) => `organisation=${encodeURIComponent(text.toWellFormed())}`),
  );
  await fc.assert(
    fc.asyncProperty(path, query, body, async (name, more, sent) => {
      const [bare = ''] = name.split('?');
      const target = `/dataexport/${name}${more && `${name.includes('?') ? '&' : '?'}${more}`}`;
      const response = await api.app.request(target, post(tenant.headers, { ...sent }));
      const text = await judge(response, [target, sent]);
      assertDocumented('POST', `/dataexport/${bare}`, response, text);
      const settings = await started.ledger.standingOrders.find(tenant.key, 'periodic');
      if (response.status !== 200) return;
      const { enabled, recipient } = JSON.parse(text) as { enabled: boolean; recipient?: string };
      expect([enabled, recipient ?? null]).toEqual([
        settings?.enabled ?? false,
        bare === 'disable' ? null : settings?.recipient,
      ]);
    }),
    { numRuns: 600 },
  );
});

test('periodic downloads: whatever is asked for, it is documented, and nothing comes without the key', async () => {
  const choices: Readonly<Record<string, fc.Arbitrary<string>>> = {
    file: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom('user', 'year', 'HIDDEN') },
      { weight: 1, arbitrary: awkward },
    ),
    fileType: fc.oneof({ weight: 4, arbitrary: fc.constantFrom('csv', 'json') }, { weight: 1, arbitrary: awkward }),
    privateKey: fc.oneof(fc.constantFrom('RIGHT', 'AGE-SECRET-KEY-1QQQ', `AGE-SECRET-KEY-1${'Q'.repeat(58)}`), awkward),
    parseJsonDataTypes: fc.oneof(fc.constantFrom('true', 'false', '0', ''), awkward),
    sealed: fc.oneof(fc.constantFrom('true', 'false', '0', ''), awkward),
    organisation: fc.oneof(fc.constant('OWN'), awkward),
    other: awkward,
  };
  const optional = (name: string) =>
    fc.option(fc.tuple(fc.constant(name), choices[name] ?? awkward), { nil: undefined, freq: 3 });
  const pairs = fc
    .tuple(
      ...Object.keys(choices).map(optional),
      fc.option(
        awkward.map((text) => ['file', text] as [string, string]),
        { nil: undefined, freq: 1 },
      ),
    )
    .map((all) => all.filter((pair) => pair !== undefined));
  const name = fc.constantFrom('download', 'downloadAll');
  const inHeader = fc.constantFrom(undefined, undefined, 'RIGHT', 'wrong');
  await fc.assert(
    fc.asyncProperty(name, pairs, inHeader, fc.constantFrom('GET', 'HEAD'), async (bare, all, header, method) => {
      const actual = (text: string) =>
        text === 'RIGHT' ? privateKey : text === 'OWN' ? owner.key : text.toWellFormed();
      const query = all.map(([key, text]) => `${key}=${encodeURIComponent(actual(text))}`).join('&');
      const headers = { ...owner.headers, ...(header && { 'x-private-key': actual(header) }) };
      const response = await api.app.request(`/dataexport/${bare}?${query}`, { method, headers });
      const text = await judge(response, [bare, all, header, method]);
      assertDocumented(method, `/dataexport/${bare}`, response, text);
      expect(text).not.toContain(privateKey);
      if (response.status !== 200) return;
      const sent = new Map(all);
      const opened = (header ?? sent.get('privateKey')) === 'RIGHT' || sent.get('sealed') === 'true';
      expect([all, header, opened]).toEqual([all, header, true]);
      expect(response.headers.get('content-disposition')).toMatch(/^attachment; /);
    }),
    { numRuns: RUNS },
  );
  expect(api.objects.openReads).toBe(0);
  expect(started.logged.join('')).not.toContain(privateKey);
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
