import { request } from 'node:http';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { handOver } from '../activities/handover.ts';
import type { ApiServer } from '../api/server.ts';
import { createCatalog } from '../config/catalog.ts';
import type { Bundle } from '../config/dataset.ts';
import type { QuestionnaireInfo } from '../contracts/questionnaires.ts';
import { answerOf, BODY, type ComposedApi, dataset, post, type StartedApi, startApi } from './api-set-up.ts';
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
  documented = await documentedAnswers(api);
  server = await api.serve();
});
afterAll(async () => {
  await server.close(0);
  await started.stop();
});

/** What the OpenAPI document says of each answer: by `get /path 200`. */
async function documentedAnswers({ app }: ComposedApi): Promise<ReadonlyMap<string, string>> {
  const { paths } = (await (await app.request('/openapi.json')).json()) as {
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
function assertDocumented(method: string, path: string, { status }: Response, text: string, known = documented) {
  const said = known.get(`${method === 'HEAD' ? 'get' : method.toLowerCase()} ${path} ${status}`);
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

const FARM: QuestionnaireInfo = {
  ...{ questionnaire: '74e2d30854914e24af6beae9be64130c', version: 1 },
  ...{ variable: 'farm', title: 'Farm survey', importedAt: null },
};

const QUESTIONNAIRES: Bundle = {
  ...{ name: 'questionnaires', kind: 'questionnaire', title: 'Questionnaires', tenantColumn: 'tenant' },
  ...{ members: { sql: 'select 1' }, tables: { sql: 'select 1' }, attachments: null },
  filters: { status: 'interview__status', time: 'changed_at' },
};

/** An API with one questionnaire, which a worker lists for everybody. */
function composeQuestionnaires(): ComposedApi {
  const composed = started.compose(
    { WAYBILL_TENANT_EXPORTS_MAX: 1_000_000 },
    createCatalog([dataset('NOTES')], [QUESTIONNAIRES]),
  );
  composed.temporal.listQuestionnaires = async (handover) => {
    await handOver(composed.objects, handover, [FARM]);
    return { ok: true, value: null };
  };
  // Whatever is cancelled ends at once; otherwise the next start would wait for it.
  composed.temporal.cancel = async ({ workflowId }) => {
    composed.temporal.running.delete(workflowId);
    return true;
  };
  return composed;
}

/** Bodies of the answer 404, as the contract has them. The second generation answers 400 to an unknown type. */
const NOT_THERE = ['Unknown export type', 'Invalid questionnaire identity', 'Questionnaire not found'];

test('questionnaires: whatever is asked for in either generation, it is documented, and 404 has the texts of the contract', async () => {
  const farm = composeQuestionnaires();
  const known = await documentedAnswers(farm);
  const { headers } = await started.addTenant();
  const { questionnaire: guid } = FARM;
  const own = await farm.app.request('/api/v2/export', post(headers, { QuestionnaireId: `${guid}$1` }));
  const { JobId } = (await own.json()) as { JobId: number };
  const value = fc.oneof(awkward, fc.jsonValue({ maxDepth: 2 }));
  const mostly = (right: readonly string[], ...wrong: readonly string[]) =>
    fc.oneof(
      { weight: 12, arbitrary: fc.constantFrom(...right) },
      { weight: 1, arbitrary: fc.constantFrom(...wrong) },
      { weight: 1, arbitrary: awkward },
    );
  const seldom = fc.oneof({ weight: 9, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: awkward });
  const type = mostly(['tabular', 'STATA', 'Spss', 'binary', 'PARADATA'], 'ddi');
  const id = mostly([`${guid}$1`, `${guid.toUpperCase()}$1`], `${guid}$2`, guid, `${guid}$1$1`);
  const status = mostly(['Completed', 'all', 'ApprovedBySupervisor'], 'Unheard');
  const time = mostly(['2016-06-01', '2016-06-02T03:00:00Z'], '2016-06-03T00:00:00+25:00', 'yesterday');
  const encoded = (text: string) => encodeURIComponent(text.toWellFormed());
  const queryOf = (pairs: Readonly<Record<string, string | undefined>>) =>
    Object.entries(pairs)
      .flatMap(([name, text]) => (text === undefined ? [] : [`${name}=${encoded(text)}`]))
      .join('&');
  const filters = fc.record({ status, from: time, to: time, other: seldom }, { requiredKeys: [] });
  const first = fc
    .tuple(type, id, fc.constantFrom('start', 'details', 'cancel', ''), filters)
    .map(([kind, version, action, pairs]) => {
      const rest = action && `/${action}`;
      return {
        ...{ method: action === 'start' || action === 'cancel' ? 'POST' : 'GET', body: undefined },
        ...{ route: `/api/v1/export/{type}/{id}${rest}`, isRoute: kind !== '' && version !== '' },
        path: `/api/v1/export/${encoded(kind)}/${encoded(version)}${rest}?${queryOf(pairs)}`,
        missing: action === '' ? ['', ...NOT_THERE] : NOT_THERE,
      };
    });
  const body = fc.record(
    {
      QuestionnaireId: fc.oneof({ weight: 12, arbitrary: id }, { weight: 1, arbitrary: value }),
      exportType: fc.oneof({ weight: 12, arbitrary: type }, { weight: 1, arbitrary: value }),
      INTERVIEWSTATUS: fc.oneof({ weight: 12, arbitrary: status }, { weight: 1, arbitrary: value }),
      From: fc.oneof({ weight: 12, arbitrary: time }, { weight: 1, arbitrary: value }),
      to: time,
      IncludeMeta: value,
    },
    { requiredKeys: [] },
  );
  const route = '/api/v2/export';
  const bodies = fc.oneof({ weight: 6, arbitrary: body }, { weight: 1, arbitrary: fc.dictionary(awkward, value) });
  const start = fc
    .oneof({ weight: 6, arbitrary: bodies.map((sent) => JSON.stringify(sent)) }, { weight: 1, arbitrary: awkward })
    .map((sent) => ({
      ...{ method: 'POST', route, isRoute: true, path: route, body: sent },
      missing: NOT_THERE.slice(1),
    }));
  const list = fc
    .record(
      {
        ...{ exportType: type, interviewStatus: status, questionnaireIdentity: id },
        ...{ exportStatus: mostly(['created', 'Fail'], 'Lost'), hasFile: mostly(['True', 'false'], 'maybe') },
        ...{ limit: mostly(['1', '20'], '0', '1e9'), offset: mostly(['0', '1'], '-1', '1.5'), other: seldom },
      },
      { requiredKeys: [] },
    )
    .map((pairs) => ({
      ...{ method: 'GET', route, isRoute: true, body: undefined, missing: null },
      path: `${route}?${queryOf(pairs)}`,
    }));
  const job = fc
    .tuple(mostly([String(JobId)], '0', '99999999999999999999'), fc.constantFrom('GET', 'DELETE', 'file'))
    .map(([number, what]) => {
      const rest = what === 'file' ? '/file' : '';
      return {
        ...{ method: what === 'DELETE' ? what : 'GET', route: `${route}/{id}${rest}` },
        ...{ path: `${route}/${encoded(number)}${rest}`, isRoute: number !== '', body: undefined },
        missing: what === 'file' ? [''] : null,
      };
    });
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(first, start, list, job),
      async ({ method, route, path, isRoute, body: sent, missing }) => {
        const init = sent === undefined ? { method, headers } : post(headers, sent);
        const response = await farm.app.request(path, init);
        const text = await judge(response, [method, path, sent]);
        // Dots in a path are resolved, and an empty segment leads to another route.
        if (!isRoute || new URL(path, 'http://waybill.test').pathname !== path.split('?')[0]) return;
        seen.add(`${method} ${route} ${response.status}`);
        if (response.status === 404 && missing) expect(missing).toContain(text);
        else assertDocumented(method, route, response, text, known);
      },
    ),
    { numRuns: 800 },
  );
  // Each answer that there can be was there.
  expect([...seen].toSorted()).toEqual(
    [
      ...['start', 'details', 'cancel'].flatMap((action) =>
        [200, 400, 404].map(
          (status) => `${action === 'details' ? 'GET' : 'POST'} /api/v1/export/{type}/{id}/${action} ${status}`,
        ),
      ),
      ...[400, 404].map((status) => `GET /api/v1/export/{type}/{id} ${status}`),
      ...[201, 400, 404].map((status) => `POST /api/v2/export ${status}`),
      ...[200, 400].map((status) => `GET /api/v2/export ${status}`),
      ...['GET /api/v2/export/{id}/file', 'GET /api/v2/export/{id}', 'DELETE /api/v2/export/{id}'].flatMap((one) =>
        (one.endsWith('file') ? [404] : [200, 404]).map((status) => `${one} ${status}`),
      ),
    ].toSorted(),
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
