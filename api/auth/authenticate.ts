import type { Context, MiddlewareHandler } from 'hono';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { WaybillError } from '../../contracts/failures.ts';
import type { Credential, Scope } from '../../stores/ledger/ledger.ts';
import type { ApiDeps, ApiEnv } from '../deps.ts';
import type { ClientAddress } from '../http/client-address.ts';
import { withoutKeys } from '../http/without-keys.ts';
import type { FailedLogins } from '../limits/failed-logins.ts';
import type { SpendRequest } from '../limits/tenant-requests.ts';
import type { OutsideTokens } from './outside-tokens.ts';
import { OWN_ISSUER, type OwnTokens } from './own-tokens.ts';
import { type Presented, readPresented } from './presented.ts';
import type { SecretCheck } from './secret-check.ts';

export interface AuthDeps extends Pick<ApiDeps, 'ledger'> {
  readonly addressOf: ClientAddress;
  readonly logins: FailedLogins;
  readonly secrets: SecretCheck;
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
  const { ledger, addressOf, spendRequest } = deps;

  async function identify(c: Context<ApiEnv>): Promise<Identity> {
    const presented = readPresented(c.req.header('authorization'), c.req.header('api-key'));
    if (presented.kind === 'none') throw new WaybillError('unauthenticated');
    const address = addressOf(c);
    const identity = await verify(deps, presented, address);
    if (identity === OUT_OF_DATE) {
      throw new WaybillError('unauthenticated', 'The access token is no longer valid. Get a new one.');
    }
    if (identity === undefined) {
      const clientId = presented.kind === 'pair' ? withoutKeys(presented.clientId).slice(0, 127) : null;
      await ledger.audit({
        tenant: null,
        actor: 'waybill',
        action: 'login.failed',
        exportId: null,
        detail: { address, clientId, kind: presented.kind },
      });
      throw new WaybillError('unauthenticated');
    }
    return identity;
  }

  return function requireCaller(scope) {
    return async function authenticate(c, next) {
      const { tenant: key, actor, scopes } = await identify(c);
      const tenant = await ledger.findTenant(key);
      if (!tenant || tenant.disabledAt !== null) throw new WaybillError('unauthenticated');
      c.set('caller', { tenant, actor, scopes });
      await spendRequest(c, tenant);
      if (scope === 'write' && !scopes.includes('write')) throw new WaybillError('insufficient_scope');
      if (scopes.length === 0) throw new WaybillError('insufficient_scope', 'The token holds no scope any more.');
      await next();
    };
  };
}

/** A secret takes a token of the limit before it is checked; what costs no scrypt is checked first, and its failures count. */
async function verify(
  { logins, secrets, ownTokens, outsideTokens }: AuthDeps,
  presented: Exclude<Presented, { kind: 'none' }>,
  address: string,
): Promise<Identity | typeof OUT_OF_DATE | undefined> {
  switch (presented.kind) {
    case 'malformed':
      return logins.failed({ address, clientId: null });
    case 'pair':
      return identityOf(await secrets.pair(address, presented.clientId, presented.secret));
    case 'bearer': {
      const issuer = issuerOf(presented.value);
      if (issuer === OWN_ISSUER) {
        const verdict = await ownTokens.verify(presented.value);
        if (verdict.kind === 'void') return OUT_OF_DATE;
        if (verdict.kind === 'forged') return logins.failed({ address, clientId: null });
        return { tenant: verdict.credential.tenant, actor: verdict.credential.clientId, scopes: verdict.scopes };
      }
      if (issuer !== undefined && outsideTokens.knows(issuer)) {
        const identity = await outsideTokens.verify(presented.value, issuer);
        return identity ?? logins.failed({ address, clientId: null });
      }
      return identityOf(await secrets.bearer(address, presented.value));
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
