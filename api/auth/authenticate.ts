import type { Context, MiddlewareHandler } from 'hono';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { WaybillError } from '../../contracts/failures.ts';
import type { Credential, Scope } from '../../stores/ledger/ledger.ts';
import type { ApiDeps, ApiEnv } from '../deps.ts';
import type { ClientAddress } from '../http/client-address.ts';
import { withoutKeys } from '../http/without-keys.ts';
import type { FailedLogins, LoginAttempt } from '../limits/failed-logins.ts';
import type { SpendRequest } from '../limits/tenant-requests.ts';
import type { OutsideTokens } from './outside-tokens.ts';
import { OWN_ISSUER, type OwnTokens } from './own-tokens.ts';
import { type Presented, readPresented, splitPair } from './presented.ts';

export interface AuthDeps extends Pick<ApiDeps, 'ledger'> {
  readonly addressOf: ClientAddress;
  readonly logins: FailedLogins;
  readonly ownTokens: OwnTokens;
  readonly outsideTokens: OutsideTokens;
  readonly spendRequest: SpendRequest;
}

/** Lets a request through once its credential proves a tenant and holds the scope. */
export type RequireCaller = (scope: Scope) => MiddlewareHandler<ApiEnv>;

/** Who a checked credential stands for; its tenant has not been looked up yet. */
interface Identity {
  readonly tenant: string;
  readonly actor: string;
  readonly scopes: readonly Scope[];
}

/** A token that is merely out of date is refused without being counted as a guess. */
const OUT_OF_DATE = Symbol('out of date');

/**
 * Authenticates by whichever credential is presented: Basic, an API key, a token of ours or of a known issuer.
 * @throws WaybillError `unauthenticated`, `insufficient_scope`; TryLater `rate_limited`
 */
export function callerRequirement(deps: AuthDeps): RequireCaller {
  const { ledger, addressOf, logins, spendRequest } = deps;

  async function identify(c: Context<ApiEnv>): Promise<Identity> {
    const presented = readPresented(c.req.header('authorization'), c.req.header('api-key'));
    if (presented.kind === 'none') throw new WaybillError('unauthenticated');
    const attempt = attemptOf(presented, addressOf(c));
    logins.check(attempt);
    const identity = await verify(deps, presented);
    if (identity === OUT_OF_DATE) {
      throw new WaybillError('unauthenticated', 'The access token is no longer valid. Get a new one.');
    }
    if (identity === undefined) {
      logins.failed(attempt);
      await ledger.audit({
        tenant: null,
        actor: 'waybill',
        action: 'login.failed',
        exportId: null,
        detail: {
          address: attempt.address,
          clientId: attempt.clientId === null ? null : withoutKeys(attempt.clientId).slice(0, 127),
          kind: presented.kind,
        },
      });
      throw new WaybillError('unauthenticated');
    }
    logins.succeeded(attempt);
    return identity;
  }

  return function requireCaller(scope) {
    return async function authenticate(c, next) {
      const { tenant: key, actor, scopes } = await identify(c);
      const tenant = await ledger.findTenant(key);
      if (!tenant || tenant.disabledAt !== null) throw new WaybillError('unauthenticated');
      c.set('caller', { tenant, actor, scopes });
      spendRequest(c, tenant);
      if (scope === 'write' && !scopes.includes('write')) throw new WaybillError('insufficient_scope');
      if (scopes.length === 0) throw new WaybillError('insufficient_scope', 'The token holds no scope any more.');
      await next();
    };
  };
}

function attemptOf(presented: Exclude<Presented, { kind: 'none' }>, address: string): LoginAttempt {
  switch (presented.kind) {
    case 'pair':
      return { address, clientId: presented.clientId, presented: `${presented.clientId}:${presented.secret}` };
    case 'bearer':
      return { address, clientId: null, presented: presented.value };
    case 'malformed':
      return { address, clientId: null, presented: '' };
  }
}

async function verify(
  { ledger, ownTokens, outsideTokens }: AuthDeps,
  presented: Exclude<Presented, { kind: 'none' }>,
): Promise<Identity | typeof OUT_OF_DATE | undefined> {
  switch (presented.kind) {
    case 'malformed':
      return undefined;
    case 'pair':
      return identityOf(await ledger.verifyCredential(presented.clientId, presented.secret));
    case 'bearer': {
      const issuer = issuerOf(presented.value);
      if (issuer === OWN_ISSUER) {
        const verdict = await ownTokens.verify(presented.value);
        if (verdict.kind === 'void') return OUT_OF_DATE;
        if (verdict.kind === 'forged') return undefined;
        return { tenant: verdict.credential.tenant, actor: verdict.credential.clientId, scopes: verdict.scopes };
      }
      if (issuer !== undefined && outsideTokens.knows(issuer)) return outsideTokens.verify(presented.value, issuer);
      const pair = splitPair(presented.value);
      const paired = pair && (await ledger.verifyCredential(pair.clientId, pair.secret));
      return identityOf(paired ?? (await ledger.verifyApiKey(presented.value)));
    }
  }
}

function identityOf(credential: Credential | undefined): Identity | undefined {
  return credential && { tenant: credential.tenant, actor: credential.clientId, scopes: credential.scopes };
}

/** @returns the `iss` of a JWT, unchecked, or `undefined` for what is not one. */
function issuerOf(value: string): string | undefined {
  try {
    decodeProtectedHeader(value);
    return decodeJwt(value).iss;
  } catch {
    // Not a JWT: an API key.
    return undefined;
  }
}
