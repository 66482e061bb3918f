import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { WaybillError } from '../../contracts/failures.ts';
import { isRunId } from '../../contracts/job-id.ts';
import { UNLIMITED } from '../../contracts/limits.ts';
import { runStatus } from '../../contracts/run.ts';
import type { Run } from '../../stores/ledger/ports.ts';
import type { CountRequest, FailedLogins } from '../auth/limits.ts';
import type { ApiDeps, ApiEnv } from '../deps.ts';
import type { ClientAddress } from '../http/requests.ts';

/** A link to download the file of an export without credentials, until it expires or is revoked. */
export interface Link {
  /** Of the file, or of a zip of several. */
  readonly url: string;
  /** @param name of one of the export's files */
  urlOf(name: string): string;
  readonly expiresAt: Date;
}

/** The query of a link. The signature covers the run id and the other parameters. */
export interface LinkQuery {
  /** Milliseconds since 1970. */
  readonly expires: string;
  /** Milliseconds since 1970. */
  readonly issued: string;
  /** Base64url HMAC-SHA-256. */
  readonly signature: string;
}

export interface Links {
  /** @returns `null` if the export has no file */
  mint(run: Run): Link | null;
  /** Checks only the signature, before any lookup. @throws WaybillError `link_invalid` */
  verify(runId: string, query: LinkQuery): void;
  /** @throws WaybillError `link_expired`; `link_invalid` if the links of the export have been revoked since */
  assertCurrent(run: Run, query: LinkQuery): void;
}

const NUMBER = /^\d{1,15}$/;

export function createLinks({ settings, clock }: Pick<ApiDeps, 'settings' | 'clock'>): Links {
  const sign = (runId: string, issued: string, expires: string) =>
    createHmac('sha256', settings.WAYBILL_LINK_SECRET).update(`waybill-link\n${runId}\n${issued}\n${expires}`).digest();

  return {
    mint(run) {
      const { runId, expiresAt: filesExpireAt, linksRevokedAt } = run;
      const at = clock.now();
      if (runStatus(run, at) !== 'completed' || filesExpireAt === null) return null;
      const now = at.getTime();
      // Revocation times come from the ledger's clock, which may be ahead; a later link must not count as older.
      const issued = Math.max(now, (linksRevokedAt?.getTime() ?? 0) + 1);
      const expires = Math.min(now + settings.WAYBILL_LINK_SECONDS * 1000, filesExpireAt.getTime());
      const signature = sign(runId, String(issued), String(expires)).toString('base64url');
      const query = new URLSearchParams({ expires: String(expires), issued: String(issued), signature });
      const address = `${settings.WAYBILL_PUBLIC_URL}/exports/${runId}`;
      return {
        url: `${address}/file?${query}`,
        urlOf: (name) => `${address}/files/${encodeURIComponent(name)}?${query}`,
        expiresAt: new Date(expires),
      };
    },

    verify(runId, { issued, expires, signature }) {
      const given = Buffer.from(signature, 'base64url');
      const expected = sign(runId, issued, expires);
      const isAuthentic = given.byteLength === expected.byteLength && timingSafeEqual(given, expected);
      if (!isAuthentic || !NUMBER.test(issued) || !NUMBER.test(expires)) throw new WaybillError('link_invalid');
    },

    assertCurrent({ linksRevokedAt }, { issued, expires }) {
      if (clock.now().getTime() >= Number(expires)) throw new WaybillError('link_expired');
      if (linksRevokedAt !== null && Number(issued) <= linksRevokedAt.getTime()) {
        throw new WaybillError(
          'link_invalid',
          'The links of this export have been revoked. Request the export status to get a new link.',
        );
      }
    },
  };
}

interface LinkDeps extends Pick<ApiDeps, 'ledger'> {
  readonly links: Links;
  readonly addressOf: ClientAddress;
  readonly logins: FailedLogins;
  readonly countRequest: CountRequest;
}

/**
 * Creates middleware that accepts a signed link in place of credentials: the tenant of its run becomes the caller, with
 * read access only. A request without a signature goes through `authenticate`.
 */
export function linkOrCaller(deps: LinkDeps, authenticate: MiddlewareHandler<ApiEnv>): MiddlewareHandler<ApiEnv> {
  return async function acceptLink(c, next) {
    const { expires, issued, signature } = c.req.query();
    if (signature === undefined) return authenticate(c, next);
    await authenticateLink(c, deps, { expires: expires ?? '', issued: issued ?? '', signature });
    return next();
  };
}

async function authenticateLink(
  c: Context<ApiEnv>,
  { ledger, links, addressOf, logins, countRequest }: LinkDeps,
  query: LinkQuery,
): Promise<void> {
  const runId = (c.req.param('id') ?? '').toLowerCase();
  try {
    links.verify(runId, query);
  } catch (error) {
    await logins.failed({ address: addressOf(c), clientId: null });
    throw error;
  }
  const run = isRunId(runId) ? await ledger.runs.find(runId) : undefined;
  const tenant = run && (await ledger.tenants.find(run.tenant));
  if (!run || !tenant || tenant.disabledAt !== null) throw new WaybillError('link_invalid');
  c.set('caller', { tenant, actor: 'link', scopes: ['read'], limits: UNLIMITED });
  await countRequest(c, tenant);
  links.assertCurrent(run, query);
}
