import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FAILURES } from '../contracts/failures.ts';
import { COMPRESSIONS, FORMATS, hasOwnCompression, mediaType } from '../contracts/order.ts';
import { answerOf, BODY, type ComposedApi, post, type StartedApi, startApi } from './api-set-up.ts';

let started: StartedApi;
let api: ComposedApi;

beforeAll(async () => {
  started = await startApi();
  api = started.compose();
});
afterAll(() => started.stop());

describe('pages', () => {
  test.each(['/', '/docs', '/problems', '/problems/unknown_dataset'])('%s loads nothing foreign', async (path) => {
    const response = await api.app.request(path);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/html; charset=UTF-8');
    const policy = response.headers.get('content-security-policy');
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe');
    const page = await response.text();
    const loaded = [...page.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, url = '']) => url);
    for (const url of loaded) {
      expect(url).toMatch(/^\//);
      expect([url, (await api.app.request(url)).status]).toEqual([url, 200]);
    }
    expect(page).not.toMatch(/<style|style="|<script(?! src)/);
  });

  test('every failure has one', async () => {
    for (const code of Object.keys(FAILURES)) expect((await api.app.request(`/problems/${code}`)).status).toBe(200);
    expect((await api.app.request('/problems/ghost')).status).toBe(404);
    expect((await api.app.request('/problems/constructor')).status).toBe(404);
  });
});

describe('the OpenAPI document', () => {
  interface Operation {
    readonly responses: Readonly<Record<string, unknown>>;
    readonly summary: string;
    readonly security?: unknown;
    readonly requestBody?: { readonly content?: Readonly<Record<string, { readonly schema: unknown }>> };
  }
  type Document = {
    readonly openapi: string;
    readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
    readonly components: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  };
  const load = async () => (await (await api.app.request('/openapi.json')).json()) as Document;

  test('names every route that answers, and only those', async () => {
    const { paths, openapi } = await load();
    expect(openapi).toBe('3.1.0');
    const documented = Object.entries(paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
    );
    const pages = /^\/portal|^\/(docs.*|problems.*|style\.css|openapi\.json|v1\/.*)?$/;
    const served = api.app.routes
      .filter(({ method, path }) => method !== 'ALL' && !pages.test(path))
      .map(({ method, path }) => `${method} ${path}`);
    expect([...new Set(documented)].sort()).toEqual([...new Set(served)].sort());
  });

  test('describes the problems of every operation that takes credentials', async () => {
    const { paths } = await load();
    for (const operation of Object.values(paths).flatMap((operations) => Object.values(operations))) {
      expect(operation.summary).toBeTruthy();
      if (operation.security === undefined)
        expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['401', '429', '503']));
    }
  });

  test('says which bodies take no further fields, and of which kind those are that may come', async () => {
    const { components, paths } = await load();
    const bodyOf = (path: string) => paths[path]?.post?.requestBody?.content?.['application/json']?.schema;
    for (const body of [components.schemas?.CsvOptions, bodyOf('/dataexport/enable'), bodyOf('/dataexport/rotate')]) {
      expect(body).toMatchObject({ type: 'object', additionalProperties: false });
    }
    expect(components.schemas?.ExportRequest).toMatchObject({
      additionalProperties: { anyOf: [{ type: 'string' }, { type: 'number' }, { type: 'boolean' }] },
    });
  });

  test('has every schema and scheme that it refers to', async () => {
    const document = await load();
    const references = [...JSON.stringify(document).matchAll(/"#\/components\/(\w+)\/(\w+)"/g)];
    expect(references.length).toBeGreaterThan(10);
    for (const [, kind = '', name = ''] of references) expect(document.components[kind]).toHaveProperty(name);
    expect(Object.keys(document.components.securitySchemes ?? {})).toEqual(['bearer', 'basic', 'apiKey', 'oauth']);
  });
});

describe('patterns of the OpenAPI document', () => {
  test('match the defaults and examples that stand beside them', async () => {
    const checked: unknown[] = [];
    const walk = (node: unknown) => {
      if (typeof node !== 'object' || node === null) return;
      const { pattern, default: preset, example } = node as Readonly<Record<string, unknown>>;
      for (const text of [preset, example]) {
        if (typeof pattern !== 'string' || typeof text !== 'string') continue;
        expect(text).toMatch(new RegExp(pattern, 'u'));
        checked.push(pattern);
      }
      Object.values(node).forEach(walk);
    };
    walk(await (await api.app.request('/openapi.json')).json());
    expect(checked.length).toBeGreaterThan(2);
  });

  test('every media type of a file is described', async () => {
    const { paths } = (await (await api.app.request('/openapi.json')).json()) as {
      paths: { '/exports/{id}/file': { get: { responses: Record<string, { content: object }> } } };
    };
    const described = Object.keys(paths['/exports/{id}/file'].get.responses['200']?.content ?? {});
    for (const format of FORMATS)
      for (const compression of hasOwnCompression(format) ? (['none'] as const) : COMPRESSIONS)
        for (const recipients of [[], ['age1']])
          expect(described).toContain(mediaType({ format, compression, recipients }).split(';')[0]);
  });
});

describe('the operations of periodic exports', () => {
  interface Described {
    readonly tags: readonly string[];
    readonly description?: string;
    readonly parameters: readonly { readonly name: string; readonly in: string; readonly required?: boolean }[];
    readonly responses: Readonly<Record<string, { readonly headers?: object; readonly content?: object }>>;
  }
  const load = async (path: string, method: string) => {
    const { paths } = (await (await api.app.request('/openapi.json')).json()) as {
      paths: Record<string, Record<string, Described>>;
    };
    const found = paths[path]?.[method];
    if (!found) throw new Error(`${method} ${path} is not described`);
    return found;
  };

  test.each([
    ['get', '/dataexport', 'organisation'],
    ['post', '/dataexport/enable', 'organisation'],
    ['post', '/dataexport/rotate', 'organisation'],
    ['post', '/dataexport/disable', 'deleteSettings organisation'],
    ['get', '/dataexport/download', 'file fileType organisation parseJsonDataTypes privateKey sealed x-private-key'],
    ['get', '/dataexport/downloadAll', 'fileType organisation parseJsonDataTypes privateKey sealed x-private-key'],
    ['get', '/dataexport/manifest', 'organisation'],
  ])('%s %s takes %s', async (method, path, names) => {
    const { tags, description, parameters } = await load(path, method);
    expect([tags, typeof description]).toEqual([['Periodic exports'], 'string']);
    expect(parameters.map(({ name }) => name).toSorted()).toEqual(names.split(' '));
    const required = parameters.filter((parameter) => parameter.required === true).map(({ name }) => name);
    expect(required.toSorted()).toEqual(names.split(' ').filter((name) => ['file', 'fileType'].includes(name)));
  });

  test.each([
    ['/dataexport/download', ['application/json', 'application/octet-stream', 'text/csv']],
    ['/dataexport/downloadAll', ['application/zip']],
  ])('%s describes what it sends, and that one may have to wait', async (path, types) => {
    const { responses } = await load(path, 'get');
    expect(Object.keys(responses['200']?.content ?? {}).toSorted()).toEqual(types);
    expect(Object.keys(responses['200']?.headers ?? {})).toEqual(
      expect.arrayContaining(['Content-Disposition', 'X-Waybill-Generation', 'X-Waybill-Snapshot']),
    );
    expect(Object.keys(responses['404']?.headers ?? {})).toEqual(['Retry-After']);
  });

  test('/dataexport/manifest describes its headers, and that one may have to wait', async () => {
    const { responses } = await load('/dataexport/manifest', 'get');
    expect(Object.keys(responses['200']?.headers ?? {})).toEqual(['X-Waybill-Generation', 'X-Waybill-Snapshot']);
    expect(Object.keys(responses['404']?.headers ?? {})).toEqual(['Retry-After']);
  });

  test('/readyz describes that one may have to wait', async () => {
    const { responses } = await load('/readyz', 'get');
    expect(Object.keys(responses['503']?.headers ?? {})).toEqual(['Retry-After']);
  });
});

describe('health', () => {
  test('is of the process alone; readiness names what is down, without hosts', async () => {
    const own = started.compose();
    expect(await (await own.app.request('/readyz')).json()).toMatchObject({ status: 'ready' });
    own.temporal.away.add('all');
    own.objects.away = true;
    const response = await own.app.request('/readyz');
    expect([response.status, await response.json()]).toEqual([
      503,
      { status: 'not_ready', parts: { ledger: 'up', objects: 'down', temporal: 'down' } },
    ]);
    expect(response.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    expect((await own.app.request('/healthz')).status).toBe(200);
  });
});

describe('addresses', () => {
  test('unknown ones are problems', async () => {
    const response = await api.app.request('/nowhere?signature=s3cret');
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ code: 'not_found', instance: '/nowhere' });
  });

  test.each([
    ['PUT', '/exports', 'POST, GET, HEAD'],
    ['PATCH', '/exports/abc', 'GET, HEAD, DELETE'],
    ['POST', '/exports/abc/file', 'GET, HEAD'],
    ['GET', '/oauth/token', 'POST'],
    ['POST', '/healthz', 'GET, HEAD'],
    ['POST', '/dataexport', 'GET, HEAD'],
    ['GET', '/dataexport/enable', 'POST'],
    ['GET', '/dataexport/rotate', 'POST'],
    ['GET', '/dataexport/disable', 'POST'],
    ['POST', '/dataexport/download', 'GET, HEAD'],
    ['DELETE', '/dataexport/downloadAll', 'GET, HEAD'],
    ['POST', '/dataexport/manifest', 'GET, HEAD'],
  ])('%s %s: 405 with Allow', async (method, path, allow) => {
    const response = await api.app.request(path, { method });
    expect([response.status, response.headers.get('allow')]).toEqual([405, allow]);
    expect((await answerOf(response)).code).toBe('method_not_allowed');
  });

  test('every answer has a request id, the caller’s when it is fit', async () => {
    const mine = await api.app.request('/nowhere', { headers: { 'x-request-id': 'trace-7' } });
    expect(mine.headers.get('x-request-id')).toBe('trace-7');
    expect(await mine.json()).toMatchObject({ requestId: 'trace-7' });
    const unfit = await api.app.request('/nowhere', { headers: { 'x-request-id': 'a b"c' } });
    expect(unfit.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('no query is logged', async () => {
    await api.app.request('/exports/abc/file?signature=very-secret&privateKey=also-secret');
    await api.app.request('/dataexport/download?privateKey=also-secret');
    const logged = started.logged.join('');
    expect(logged).toContain('/exports/abc/file');
    expect(logged).not.toMatch(/very-secret|also-secret/);
  });

  test('headers that protect browsers are on every answer', async () => {
    const tenant = await started.addTenant();
    const created = await api.app.request('/exports', post(tenant.headers, BODY));
    for (const response of [created, await api.app.request('/nowhere'), await api.app.request('/exports')]) {
      expect(Object.fromEntries(response.headers)).toMatchObject({
        'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cache-control': 'no-store',
      });
    }
  });
});
