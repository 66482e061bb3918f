import type { MiddlewareHandler } from 'hono';
import { WaybillError } from '../../contracts/failures.ts';
import { REQUESTS } from '../../contracts/requests.ts';
import { type RequestForm, RequestForm as RequestFormSchema, type RequestRow } from '../../contracts/views/requests.ts';
import type { Guards } from '../auth/authenticate.ts';
import type { ApiDeps, ApiEnv } from '../deps.ts';
import { assertValid, fieldErrorsOf } from '../http/field-errors.ts';
import { isForm, readBody, readJson } from '../http/requests.ts';
import { type ApiApp, createApiApp, mount, mountUnvalidated } from '../openapi.ts';
import { sendRequest } from './download.ts';
import { requestErrors } from './errors.ts';
import { createRequests } from './request.ts';
import * as routes from './routes.ts';
import type { Request as DataRequest } from './view.ts';

const REACH = { door: REQUESTS, datasets: 'each' } as const;

/** Requests in a page, unless the caller says otherwise. */
const PAGE_SIZE = 100;

/** Mounts the routes of the request portal. */
export function mountRequests(app: ApiApp, deps: ApiDeps, { requireCaller }: Guards): void {
  const { settings } = deps;
  const requests = createRequests(deps);
  const door = createApiApp();
  door.onError(requestErrors);
  const read = requireCaller('read', REACH);
  const write = requireCaller('write', REACH);

  mount(door, routes.listRealms, [tokenInQuery(), read], (c) => {
    const data = requests.realms(c.get('caller').limits).map(({ id, title, fields }) => ({
      id,
      name: title,
      fields: fields.map(({ name, header, anonymize, documentation }) => ({
        ...{ name, alias: name, display: header, anonymize, documentation },
      })),
    }));
    return c.json({ success: true as const, data, total: data.length });
  });

  mount(door, routes.listRequests, [read], async (c) => {
    const { limit = PAGE_SIZE, before = null } = c.req.valid('query');
    const { requests: page, next } = await requests.list(c.get('caller'), { before, limit });
    if (next !== null) {
      const query = new URLSearchParams({ limit: String(limit), before: String(next) });
      c.header('Link', `<${settings.WAYBILL_PUBLIC_URL}${routes.listRequests.path}?${query}>; rel="next"`);
    }
    c.header('Cache-Control', 'no-store');
    return c.json({ success: true as const, data: page.map(rowOf), total: page.length });
  });

  // A form or JSON, so the handler reads it.
  mountUnvalidated(door, routes.createRequest, write, async (c) => {
    const body = isForm(c)
      ? formFields(await readBody(c, settings.WAYBILL_BODY_BYTES_MAX))
      : await readJson(c, settings.WAYBILL_BODY_BYTES_MAX);
    const { id } = await requests.create(c.get('caller'), readForm(body));
    return c.json(changed('Created export request', [id]));
  });

  mount(door, routes.deleteRequest, [write], async (c) => {
    const id = numberOf(c.req.valid('param').id);
    await requests.remove(c.get('caller'), [id]);
    return c.json(changed('Deleted export request', [id]));
  });

  // The body is an array.
  mountUnvalidated(door, routes.deleteRequests, write, async (c) => {
    const parsed = routes.RequestIds.safeParse(await readJson(c, settings.WAYBILL_BODY_BYTES_MAX));
    if (!parsed.success) {
      throw new WaybillError(
        'malformed_body',
        'Send a JSON array of the numbers of the requests, such as [1046, 1047].',
      );
    }
    const ids = [...new Set(parsed.data)];
    await requests.remove(c.get('caller'), ids);
    return c.json(changed('Deleted export requests', ids));
  });

  mount(door, routes.downloadRequest, [read], async (c) =>
    sendRequest(c, deps, await requests.find(c.get('caller'), numberOf(c.req.valid('param').id))),
  );

  app.route('/', door);
}

/** A published client sends its token in the query too; the header takes precedence. Neither is ever logged. */
function tokenInQuery(): MiddlewareHandler<ApiEnv> {
  return async function readTokenInQuery(c, next) {
    const token = c.req.query('Bearer');
    if (token && c.req.header('authorization') === undefined) {
      const headers = new Headers(c.req.raw.headers);
      headers.set('Authorization', `Bearer ${token}`);
      c.req.raw = new Request(c.req.raw, { headers });
    }
    await next();
  };
}

/** Fields that nobody asked for are ignored, as browsers and published clients send some. Of repeated ones, the last counts. */
function formFields(bytes: Uint8Array): Readonly<Record<string, string>> {
  return Object.fromEntries(new URLSearchParams(Buffer.from(bytes).toString('utf8')));
}

/** @throws InvalidFields */
function readForm(body: unknown): RequestForm {
  const input: Record<string, unknown> = typeof body === 'object' && body !== null ? { ...body } : {};
  if (typeof input.filter === 'string') input.filter = parsedFilter(input.filter);
  const parsed = RequestFormSchema.safeParse(input);
  if (!parsed.success) assertValid(fieldErrorsOf(parsed.error, input));
  return parsed.data as RequestForm;
}

/** A form has the filter as JSON text. @returns the text if it is none, which is then refused */
function parsedFilter(text: string): unknown {
  if (text.trim() === '') return [];
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** @returns 0, which no request has, for what is not a number */
function numberOf(text: string): number {
  return /^[1-9]\d{0,14}$/.test(text) ? Number(text) : 0;
}

function changed(message: string, ids: readonly number[]) {
  return { success: true as const, message, data: ids.map((id) => ({ id })), total: ids.length };
}

function rowOf({ id, realm, startDate, endDate, format, state, run }: DataRequest): RequestRow {
  return {
    ...{ id, realm, start_date: startDate, end_date: endDate },
    export_succeeded: state === 'Submitted' ? null : state === 'Failed' ? 0 : 1,
    export_expired: state === 'Expired' ? 1 : 0,
    export_expires_datetime: datetime(run.expiresAt),
    export_created_datetime: run.state === 'completed' ? datetime(run.endedAt) : null,
    export_file_format: format,
    requested_datetime: datetime(run.requestedAt) ?? '',
    downloaded_datetime: datetime(run.downloadedAt),
    state,
  };
}

/** `Y-m-d H:i:s` in UTC. */
function datetime(at: Date | null): string | null {
  return at?.toISOString().slice(0, 19).replace('T', ' ') ?? null;
}
