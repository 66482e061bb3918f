import { createSecretKey, randomUUID } from 'node:crypto';
import { errors, jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import type { Credential, Ledger, Scope } from '../../stores/ledger/ledger.ts';
import type { ApiDeps } from '../deps.ts';
import { parseScopes } from './scopes.ts';

/** `iss` and `aud` of the tokens that `POST /oauth/token` issues. */
export const OWN_ISSUER = 'waybill';

const claims = z.object({
  sub: z.string(),
  tenant: z.string(),
  scope: z.string(),
  /** Id of the credential the token was issued for. */
  credential: z.string(),
  /** When the credential's secret was last replaced, milliseconds since 1970; 0: never. */
  generation: z.number(),
});

/** What became of a token that claims to be ours. */
export type TokenVerdict =
  | { readonly kind: 'valid'; readonly credential: Credential; readonly scopes: readonly Scope[] }
  /** Once valid: expired, or its credential has been disabled or rotated since. No sign of guessing. */
  | { readonly kind: 'void' }
  | { readonly kind: 'forged' };

/** Access tokens of ours: HS256, bound to the credential that they were issued for and to its secret's generation. */
export interface OwnTokens {
  /** @returns the token and its life in seconds */
  issue(
    credential: Credential,
    scopes: readonly Scope[],
  ): Promise<{ readonly token: string; readonly seconds: number }>;
  /** Reads the ledger each time, so disabling or rotating a credential voids its tokens at once. */
  verify(token: string): Promise<TokenVerdict>;
}

export function ownTokens(deps: {
  readonly settings: ApiDeps['settings'];
  readonly ledger: Pick<Ledger, 'findCredential'>;
  readonly clock: ApiDeps['clock'];
}): OwnTokens {
  const { settings, ledger, clock } = deps;
  const key = createSecretKey(Buffer.from(settings.WAYBILL_TOKEN_SECRET, 'utf8'));

  return {
    async issue(credential, scopes) {
      const seconds = settings.WAYBILL_TOKEN_SECONDS;
      const now = Math.floor(clock.now().getTime() / 1000);
      const token = await new SignJWT({
        tenant: credential.tenant,
        scope: scopes.join(' '),
        credential: credential.id,
        generation: generationOf(credential),
      })
        .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
        .setIssuer(OWN_ISSUER)
        .setAudience(OWN_ISSUER)
        .setSubject(credential.clientId)
        .setJti(randomUUID())
        .setIssuedAt(now)
        .setExpirationTime(now + seconds)
        .sign(key);
      return { token, seconds };
    },

    async verify(token) {
      let payload: unknown;
      try {
        ({ payload } = await jwtVerify(token, key, {
          algorithms: ['HS256'],
          issuer: OWN_ISSUER,
          audience: OWN_ISSUER,
          requiredClaims: ['exp'],
          currentDate: clock.now(),
        }));
      } catch (error) {
        return { kind: error instanceof errors.JWTExpired ? 'void' : 'forged' };
      }
      const read = claims.safeParse(payload);
      if (!read.success) return { kind: 'forged' };
      const { sub, tenant, scope, credential: id, generation } = read.data;
      const credential = await ledger.findCredential(sub);
      const stands =
        credential !== undefined &&
        credential.id === id &&
        credential.tenant === tenant &&
        credential.disabledAt === null &&
        generationOf(credential) === generation;
      if (!stands) return { kind: 'void' };
      const granted = parseScopes(scope) ?? [];
      return { kind: 'valid', credential, scopes: granted.filter((word) => credential.scopes.includes(word)) };
    },
  };
}

function generationOf(credential: Credential): number {
  return credential.rotatedAt?.getTime() ?? 0;
}
