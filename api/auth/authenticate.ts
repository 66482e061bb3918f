import type { Context, MiddlewareHandler } from 'hono';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { WaybillError } from '../../contracts/failures.ts';
import { type Limits, type Reach, UNLIMITED } from '../../contracts/limits.ts';
import type { Credential, Ledger, Scope } from '../../stores/ledger/ports.ts';
import type { ApiDeps, ApiEnv } from '../deps.ts';
import { type ClientAddress, withoutKeys } from '../http/requests.ts';
import type { CountRequest, FailedLogins } from './limits.ts';
import { type OutsideTokens, OWN_ISSUER, type OwnTokens } from './tokens.ts';
import { withinLimits } from './within-limits.ts';

/** A credential as presented by a request, not verified yet. */
export type PresentedCredential =
  | { readonly kind: 'pair'; readonly clientId: string; readonly secret: string }
  /** An API key or an access token. */
  | { readonly kind: 'bearer'; readonly value: string }
  | { readonly kind: 'none' }
  | { readonly kind: 'malformed' };

const MALFORMED: PresentedCredential = { kind: 'malformed' };
/** Maximum length of a credential in characters; longer values are rejected unread. */
const LENGTH_MAX = 8192;
/** Maximum length of a client id in the audit trail; a longer one is truncated. */
const CLIENT_ID_LENGTH_MAX = 127;

/**
 * Reads `Authorization` (Basic, Bearer) or else `api-key`.
 * Source: RFC 7617 with UTF-8, RFC 6750 section 2.1.
 */
export function readCredential(authorization: string | undefined, apiKey: string | undefined): PresentedCredential {
  if (authorization === undefined) {
    if (apiKey === undefined) return { kind: 'none' };
    return bearer(apiKey.trim());
  }
  const [, scheme = '', value = ''] = /^\s*(\S+)\s+(\S+)\s*$/.exec(authorization) ?? [];
  if (scheme.toLowerCase() === 'bearer') return bearer(value);
  if (scheme.toLowerCase() === 'basic') return basic(value);
  return MALFORMED;
}

function bearer(value: string): PresentedCredential {
  return value.length > 0 && value.length <= LENGTH_MAX ? { kind: 'bearer', value } : MALFORMED;
}

function basic(value: string): PresentedCredential {
  if (value.length > LENGTH_MAX || !/^[A-Za-z0-9+/]+={0,2}$/.test(value)) return MALFORMED;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(value, 'base64'));
  } catch {
    return MALFORMED;
  }
  const pair = splitPair(text);
  return pair ? { kind: 'pair', ...pair } : MALFORMED;
}

/** Splits `client id:secret` at the first colon. @returns `undefined` if there is no colon or a side is empty */
export function splitPair(text: string): { readonly clientId: string; readonly secret: string } | undefined {
  const colon = text.indexOf(':');
  if (colon < 1 || colon === text.length - 1) return undefined;
  return { clientId: text.slice(0, colon), secret: text.slice(colon + 1) };
}

/**
 * Checks secrets within the limit of failed log-ins. A recently verified secret is not counted, so that guesses at the same
 * client id or from the same address do not lock out its owner. Both methods return `undefined` for a wrong secret.
 */
export interface SecretCheck {
  /** @throws TryLater `rate_limited` before the secret is checked */
  pair(address: string, clientId: string, secret: string): Promise<Credential | undefined>;
  /** `client id:secret`, or an API key. @throws TryLater `rate_limited` before it is checked */
  bearer(address: string, value: string): Promise<Credential | undefined>;
}

export function secretCheck({
  ledger,
  logins,
}: {
  readonly ledger: Pick<Ledger, 'credentials'>;
  readonly logins: FailedLogins;
}): SecretCheck {
  return {
    async pair(address, clientId, secret) {
      const recalled = await ledger.credentials.recall(clientId, secret);
      return recalled ?? logins.guard({ address, clientId }, () => ledger.credentials.verify(clientId, secret));
    },

    async bearer(address, value) {
      const pair = splitPair(value);
      const recalled = pair && (await ledger.credentials.recall(pair.clientId, pair.secret));
      const known = recalled ?? (await ledger.credentials.recall(null, value));
      if (known) return known;
      return logins.guard({ address, clientId: pair?.clientId ?? null }, async () => {
        const paired = pair && (await ledger.credentials.verify(pair.clientId, pair.secret));
        return paired ?? ledger.credentials.verifyKey(value);
      });
    },
  };
}

export interface AuthDeps extends Pick<ApiDeps, 'ledger'> {
  readonly addressOf: ClientAddress;
  readonly logins: FailedLogins;
  readonly secrets: SecretCheck;
  readonly ownTokens: OwnTokens;
  readonly outsideTokens: OutsideTokens;
  readonly countRequest: CountRequest;
}

/** Creates middleware that requires a credential of an enabled tenant, with the given scope, whose limits allow what the route is about. */
export type RequireCaller = (scope: Scope, reach: Reach) => MiddlewareHandler<ApiEnv>;

/** Access control for the routes of a kind of export. */
export interface Guards {
  readonly requireCaller: RequireCaller;
  readonly addressOf: ClientAddress;
  readonly logins: FailedLogins;
  readonly countRequest: CountRequest;
}

/** Identity from a verified credential; the tenant has not been looked up yet. */
interface Identity {
  readonly tenant: string;
  readonly actor: string;
  readonly scopes: readonly Scope[];
  readonly limits: Limits;
  /** Id of the credential; `null`: an outside issuer vouches for it. */
  readonly credentialId: string | null;
}

/** An expired token is rejected but not counted as a failed log-in. */
const EXPIRED = Symbol('expired');

/**
 * Authenticates a request by Basic, an API key, one of our own tokens or a token of a configured issuer.
 * @throws WaybillError `unauthenticated`, `insufficient_scope`, `outside_limits`; TryLater `rate_limited`
 */
export function callerRequirement(deps: AuthDeps): RequireCaller {
  const { ledger, addressOf, countRequest } = deps;

  async function identify(c: Context<ApiEnv>): Promise<Identity> {
    const presented = readCredential(c.req.header('authorization'), c.req.header('api-key'));
    if (presented.kind === 'none') throw new WaybillError('unauthenticated');
    const address = addressOf(c);
    const identity = await verify(deps, presented, address);
    if (identity === EXPIRED) {
      throw new WaybillError('unauthenticated', 'The access token is no longer valid. Get a new one.');
    }
    if (identity === undefined) {
      const clientId = presented.kind === 'pair' ? presented.clientId : null;
      await auditFailedLogin(deps, address, clientId, presented.kind);
      throw new WaybillError('unauthenticated');
    }
    return identity;
  }

  return function requireCaller(scope, reach) {
    return async function authenticate(c, next) {
      const { tenant: key, actor, scopes, limits, credentialId } = await identify(c);
      const tenant = await ledger.tenants.find(key);
      if (!tenant || tenant.disabledAt !== null) throw new WaybillError('unauthenticated');
      c.set('caller', { tenant, actor, scopes, limits });
      if (credentialId !== null) await ledger.credentials.recordUse(credentialId, c.get('address'));
      await countRequest(c, tenant);
      if (scope === 'write' && !scopes.includes('write')) throw new WaybillError('insufficient_scope');
      if (scopes.length === 0)
        throw new WaybillError('insufficient_scope', 'The token has none of the scopes read, write and everything.');
      await withinLimits(c, deps, reach);
      await next();
    };
  };
}

/** Counts a secret before it is checked, because that costs scrypt. Tokens are checked first; only failures count. */
async function verify(
  { logins, secrets, ownTokens, outsideTokens }: AuthDeps,
  presented: Exclude<PresentedCredential, { kind: 'none' }>,
  address: string,
): Promise<Identity | typeof EXPIRED | undefined> {
  switch (presented.kind) {
    case 'malformed':
      return logins.failed({ address, clientId: null });
    case 'pair':
      return identityOf(await secrets.pair(address, presented.clientId, presented.secret));
    case 'bearer': {
      const issuer = issuerOf(presented.value);
      if (issuer === OWN_ISSUER) {
        const checked = await ownTokens.verify(presented.value);
        if (checked.kind === 'void') return EXPIRED;
        if (checked.kind === 'forged') return logins.failed({ address, clientId: null });
        return { ...ofCredential(checked.credential), scopes: checked.scopes };
      }
      if (issuer !== undefined && outsideTokens.knows(issuer)) {
        const identity = await outsideTokens.verify(presented.value, issuer);
        if (!identity) return logins.failed({ address, clientId: null });
        return { ...identity, limits: UNLIMITED, credentialId: null };
      }
      return identityOf(await secrets.bearer(address, presented.value));
    }
  }
}

/**
 * Audits a log-in with wrong credentials, for the tenant whose client id was named.
 * @param clientId `null` if the credential contains none
 */
export async function auditFailedLogin(
  { ledger }: Pick<ApiDeps, 'ledger'>,
  address: string,
  clientId: string | null,
  kind: PresentedCredential['kind'] | 'token' | 'openid' | 'operator',
): Promise<void> {
  const named = clientId === null ? undefined : await ledger.credentials.find(clientId);
  return ledger.audit.append({
    tenant: named?.tenant ?? null,
    actor: 'waybill',
    action: 'login.failed',
    runId: null,
    detail: {
      address,
      clientId: clientId === null ? null : withoutKeys(clientId).slice(0, CLIENT_ID_LENGTH_MAX),
      kind,
    },
  });
}

function identityOf(credential: Credential | undefined): Identity | undefined {
  return credential && ofCredential(credential);
}

function ofCredential({ id, tenant, clientId, scopes, doors, datasets }: Credential): Identity {
  return { tenant, actor: clientId, scopes, limits: { doors, datasets }, credentialId: id };
}

/** @returns the unverified `iss` of a JWT, or `undefined` if the value is not a JWT */
function issuerOf(value: string): string | undefined {
  try {
    decodeProtectedHeader(value);
    return decodeJwt(value).iss;
  } catch {
    // Not a JWT: an API key.
    return undefined;
  }
}
