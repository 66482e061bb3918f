import type { Context, Handler, MiddlewareHandler } from 'hono';
import { WaybillError } from '../../contracts/failures.ts';
import { isRunId } from '../../contracts/job-id.ts';
import type { CountRequest, FailedLogins } from '../auth/limits.ts';
import type { ApiDeps, ApiEnv } from '../deps.ts';
import type { ClientAddress } from '../http/requests.ts';
import { sendStoredFile } from './download.ts';
import type { LinkQuery, Links } from './links.ts';
import { locateExport } from './locate.ts';
import { sendUnsealedFile } from './unsealed-download.ts';

export interface FileDeps extends Pick<ApiDeps, 'ledger' | 'objects' | 'clock'> {
  readonly links: Links;
  readonly addressOf: ClientAddress;
  readonly logins: FailedLogins;
  readonly countRequest: CountRequest;
}

/**
 * Lets a signed link stand in for credentials: its export's tenant becomes the caller, who may read and nothing else.
 * A request without a signature goes through `authenticate`.
 */
export function linkOrCaller(deps: FileDeps, authenticate: MiddlewareHandler<ApiEnv>): MiddlewareHandler<ApiEnv> {
  return async function admitLink(c, next) {
    const { expires, issued, signature } = c.req.query();
    if (signature === undefined) return authenticate(c, next);
    await enterByLink(c, deps, { expires: expires ?? '', issued: issued ?? '', signature });
    return next();
  };
}

async function enterByLink(
  c: Context<ApiEnv>,
  { ledger, links, addressOf, logins, countRequest }: FileDeps,
  query: LinkQuery,
): Promise<void> {
  const exportId = (c.req.param('id') ?? '').toLowerCase();
  try {
    links.verify(exportId, query);
  } catch (error) {
    await logins.failed({ address: addressOf(c), clientId: null });
    throw error;
  }
  const record = isRunId(exportId) ? await ledger.runs.find(exportId) : undefined;
  const tenant = record && (await ledger.tenants.find(record.tenant));
  if (!record || !tenant || tenant.disabledAt !== null) throw new WaybillError('link_invalid');
  c.set('caller', { tenant, actor: 'link', scopes: ['read'] });
  await countRequest(c, tenant);
  links.checkStands(record, query);
}

/** Answers GET and HEAD of `/exports/{id}/file`. */
export function fileHandler(deps: FileDeps): Handler<ApiEnv> {
  return async function sendFile(c) {
    const { tenant, actor } = c.get('caller');
    const record = await locateExport(deps.ledger, tenant.key, c.req.param('id') ?? '');
    const privateKey = c.req.header('x-private-key');
    return privateKey === undefined
      ? sendStoredFile(c, deps, record, actor)
      : sendUnsealedFile(c, deps, record, actor, privateKey);
  };
}
