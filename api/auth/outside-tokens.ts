import { createRemoteJWKSet, errors, jwtVerify } from 'jose';
import type { Issuer } from '../../config/settings.ts';
import { WaybillError } from '../../contracts/failures.ts';
import type { Scope } from '../../stores/ledger/ledger.ts';
import type { Clock } from '../deps.ts';
import { scopesOfClaim } from './scopes.ts';

/** Asymmetric algorithms only: with a symmetric one a public key would be a secret that everybody knows. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
/** Seconds that clocks may differ. */
const CLOCK_TOLERANCE_SECONDS = 30;
const JWKS_TIMEOUT_MS = 3000;
const SUBJECT_LENGTH_MAX = 200;

export interface OutsideIdentity {
  /** Value of the issuer's tenant claim; may name no tenant of ours. */
  readonly tenant: string;
  readonly actor: string;
  readonly scopes: readonly Scope[];
}

/** Tokens of the issuers in the settings, checked against their published keys. */
export interface OutsideTokens {
  /** @returns whether an issuer of that name is configured */
  knows(issuer: string): boolean;
  /**
   * @returns `undefined` for a token that does not hold: signature, algorithm, audience, times, tenant claim
   * @throws WaybillError `issuer_unavailable` when the issuer's keys cannot be fetched
   */
  verify(token: string, issuer: string): Promise<OutsideIdentity | undefined>;
}

export function outsideTokens(issuers: readonly Issuer[], clock: Clock): OutsideTokens {
  const known = new Map(
    issuers.map((issuer) => [
      issuer.issuer,
      { issuer, keys: createRemoteJWKSet(new URL(issuer.jwksUrl), { timeoutDuration: JWKS_TIMEOUT_MS }) },
    ]),
  );

  return {
    knows: (issuer) => known.has(issuer),

    async verify(token, name) {
      const entry = known.get(name);
      if (!entry) return undefined;
      const { issuer, keys } = entry;
      let payload: Awaited<ReturnType<typeof jwtVerify>>['payload'];
      try {
        ({ payload } = await jwtVerify(token, keys, {
          algorithms: ALGORITHMS,
          issuer: issuer.issuer,
          audience: issuer.audience,
          requiredClaims: ['exp'],
          clockTolerance: CLOCK_TOLERANCE_SECONDS,
          currentDate: clock.now(),
        }));
      } catch (error) {
        if (isOutage(error)) throw new WaybillError('issuer_unavailable', undefined, { cause: error });
        return undefined;
      }
      const tenant = payload[issuer.tenantClaim];
      if (typeof tenant !== 'string') return undefined;
      const subject = (payload.sub ?? 'unnamed').slice(0, SUBJECT_LENGTH_MAX);
      return { tenant, actor: `token:${subject}`, scopes: scopesOfClaim(payload[issuer.scopeClaim]) };
    },
  };
}

/** A token that is wrong has an error class of its own; the bare class and foreign errors tell of the key server. */
function isOutage(error: unknown): boolean {
  if (!(error instanceof errors.JOSEError)) return true;
  return error instanceof errors.JWKSTimeout || error.constructor === errors.JOSEError;
}
