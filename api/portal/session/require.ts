import { WaybillError } from '../../../contracts/failures.ts';
import type { Reach } from '../../../contracts/limits.ts';
import type { Guards } from '../../auth/authenticate.ts';
import { withinLimits } from '../../auth/within-limits.ts';
import type { ApiDeps } from '../../deps.ts';
import { mediaTypeOf, readBody } from '../../http/requests.ts';
import { apiContext, mayWrite, PORTAL_PATH, type PortalContext, type PortalMiddleware } from '../environment.ts';
import { PageError } from '../shell/errors.ts';
import { csrfToken, isCsrfToken } from './csrf.ts';
import type { Sessions } from './sessions.ts';

/** How the addresses of streams of changes end. */
const EVENTS = '/events';

interface SessionDeps extends Pick<ApiDeps, 'ledger'>, Pick<Guards, 'countRequest'> {
  readonly sessions: Sessions;
  readonly bodyBytesMax: number;
  /** Names of fields that an address may hold, by the address of the form. */
  readonly keeps: ReadonlyMap<string, readonly string[]>;
}

/**
 * Creates middleware that lets only requests of a session pass, and sets `caller` and `csrf`. Others are led to the log-in
 * page, which leads back to the same address.
 */
export function requireSession(deps: SessionDeps): PortalMiddleware {
  const { ledger, sessions, countRequest } = deps;
  return async function openSession(c, next) {
    const isStream = c.req.path.endsWith(EVENTS);
    const found = await sessions.read(c, !isStream);
    const tenant = found?.state === 'open' ? await ledger.tenants.find(found.session.tenant) : undefined;
    if (found?.state !== 'open' || !tenant) {
      if (isStream) return c.body('event: logged-out\ndata:\n\n', 200, { 'Content-Type': 'text/event-stream' });
      return c.redirect(await loginAddress(c, deps, found?.state), 303);
    }
    const { actor, scopes, limits, credentialId } = found.session;
    c.set('caller', { tenant, actor, scopes, limits });
    if (credentialId !== null && !isStream) await ledger.credentials.recordUse(credentialId, c.get('address'));
    c.set('csrf', csrfToken(found.token));
    await countRequest(apiContext(c), tenant);
    return next();
  };
}

async function loginAddress(c: PortalContext, deps: SessionDeps, why: string | undefined): Promise<string> {
  const query = new URLSearchParams({
    to: await backAddress(c, deps),
    ...(why !== undefined && why !== 'unknown' && { why }),
  });
  return `${PORTAL_PATH}/login?${query}`;
}

/** Longest address that all servers and proxies take, in characters. */
const ADDRESS_LENGTH_MAX = 4000;

/** The address that was asked for; of a posted form, that of its page, with what may be kept of its values. */
async function backAddress(c: PortalContext, { keeps, bodyBytesMax }: SessionDeps): Promise<string> {
  const { pathname, search } = new URL(c.req.url);
  if (c.req.method === 'GET' || c.req.method === 'HEAD') return `${pathname}${search}`;
  const names = keeps.get(pathname);
  if (!names) {
    const referer = URL.parse(c.req.header('referer') ?? '');
    return referer ? `${referer.pathname}${referer.search}` : PORTAL_PATH;
  }
  const form = await readForm(c, bodyBytesMax);
  const kept = new URLSearchParams([...form].filter(([name, value]) => names.includes(name) && value !== ''));
  const address = `${pathname}?${kept}`;
  return address.length > ADDRESS_LENGTH_MAX ? pathname : address;
}

/**
 * @param text where somebody who logs in wants to go
 * @param root of the pages. @default the portal's
 * @returns it, if it is one of these pages; the start otherwise
 */
export function returnAddress(text: string | null | undefined, root = PORTAL_PATH): string {
  const url = URL.parse(text ?? '', 'http://portal.invalid');
  const isOurs = url?.host === 'portal.invalid' && (url.pathname === root || url.pathname.startsWith(`${root}/`));
  return isOurs ? `${url.pathname}${url.search}` : root;
}

/** Reads a posted form. @throws PageError 415; WaybillError `body_too_large` */
export async function readForm(c: PortalContext, bytesMax: number): Promise<URLSearchParams> {
  if (mediaTypeOf(apiContext(c)) !== 'application/x-www-form-urlencoded') {
    throw new PageError(415, 'That is not a form', 'Send the form of a page.');
  }
  return new URLSearchParams(Buffer.from(await readBody(apiContext(c), bytesMax)).toString('utf8'));
}

/** Sessions, as far as forms depend on them. */
export interface TokenReader {
  read(c: PortalContext, use: boolean): Promise<{ readonly token: string } | undefined>;
}

/** Creates middleware that reads posted forms and refuses those that are not of this session. */
export function requireForm(sessions: TokenReader, bytesMax: number): PortalMiddleware {
  return async function checkForm(c, next) {
    if (c.req.method === 'POST') {
      const form = await readForm(c, bytesMax);
      const token = (await sessions.read(c, false))?.token;
      if (token === undefined || !isCsrfToken(token, form.get('csrf'))) throw staleForm();
      c.set('form', form);
    } else if (c.req.method !== 'GET' && c.req.method !== 'HEAD') throw new WaybillError('method_not_allowed');
    await next();
  };
}

export function staleForm(): PageError {
  return new PageError(
    403,
    'The form is older than your log-in',
    'Nothing was changed. Go back, load the page again and send the form once more.',
  );
}

/** Creates middleware that lets only callers that may write post a form. @throws WaybillError `insufficient_scope` */
export function requireWriter(): PortalMiddleware {
  return async function checkWriter(c, next) {
    if (c.req.method === 'POST' && !mayWrite(c)) throw new WaybillError('insufficient_scope');
    await next();
  };
}

/** Creates middleware that lets only callers pass whose limits allow what the pages are about. @throws WaybillError `outside_limits` */
export function requireReach(deps: Pick<ApiDeps, 'ledger'>, reach: Reach | null): PortalMiddleware {
  return async function checkReach(c, next) {
    if (reach !== null) await withinLimits(apiContext(c), deps, reach);
    await next();
  };
}
