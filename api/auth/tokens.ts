import { createSecretKey, randomUUID } from 'node:crypto';
import { createRemoteJWKSet, errors, jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import type { Issuer } from '../../config/settings.ts';
import { WaybillError } from '../../contracts/failures.ts';
import type { Credential, Ledger, Scope } from '../../stores/ledger/ports.ts';
import { isUsable } from '../../stores/ledger/usable.ts';
import type { ApiDeps, Clock } from '../deps.ts';

/** `iss` and `aud` of the tokens that `POST /oauth/token` issues. */
export const OWN_ISSUER = 'waybill';

const claims = z.object({
  sub: z.string(),
  tenant: z.string(),
  scope: z.string(),
  /** Id of the credential that the token was issued for. */
  credential: z.string(),
  /** Time of the last rotation of the credential's secret, in milliseconds since 1970; 0: never. */
  generation: z.number(),
});

/** Result of verifying a token with our issuer. */
export type TokenCheck =
  | { readonly kind: 'valid'; readonly credential: Credential; readonly scopes: readonly Scope[] }
  /** Once valid, but expired, or its credential has been disabled or rotated. Not counted as a failed log-in. */
  | { readonly kind: 'void' }
  | { readonly kind: 'forged' };

/** Our own access tokens: HS256, bound to a credential and to the generation of its secret. */
export interface OwnTokens {
  /** @returns the token and its lifetime in seconds */
  issue(
    credential: Credential,
    scopes: readonly Scope[],
  ): Promise<{ readonly token: string; readonly seconds: number }>;
  /** Reads the ledger each time, so that disabling or rotating a credential invalidates its tokens immediately. */
  verify(token: string): Promise<TokenCheck>;
}

export function ownTokens(deps: {
  readonly settings: ApiDeps['settings'];
  readonly ledger: Pick<Ledger, 'credentials'>;
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
      const credential = await ledger.credentials.find(sub);
      const isCurrent =
        credential !== undefined &&
        credential.id === id &&
        credential.tenant === tenant &&
        isUsable(credential, clock.now()) &&
        generationOf(credential) === generation;
      if (!isCurrent) return { kind: 'void' };
      const granted = parseScopes(scope) ?? [];
      return { kind: 'valid', credential, scopes: granted.filter((word) => credential.scopes.includes(word)) };
    },
  };
}

function generationOf(credential: Credential): number {
  return credential.rotatedAt?.getTime() ?? 0;
}

/** Only asymmetric algorithms: with a symmetric one, the public key would be the secret. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
/** Maximum difference between clocks. */
const CLOCK_TOLERANCE_SECONDS = 30;
const JWKS_TIMEOUT_MS = 3000;
const SUBJECT_LENGTH_MAX = 200;

/** A claim that the ledger and the log can hold; an issuer may send any JSON. */
const plainText = z
  .string()
  .regex(/^\P{Cc}+$/u)
  .refine((text) => text.isWellFormed());

export interface OutsideIdentity {
  /** Value of the issuer's tenant claim; the tenant may not exist. */
  readonly tenant: string;
  readonly actor: string;
  readonly scopes: readonly Scope[];
}

/** Tokens of the configured issuers, verified with their published keys. */
export interface OutsideTokens {
  /** @returns whether the issuer is configured */
  knows(issuer: string): boolean;
  /**
   * @returns `undefined` if the signature, algorithm, audience, times, subject or tenant claim are invalid
   * @throws WaybillError `issuer_unavailable` if the issuer's keys cannot be fetched
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
      const tenant = plainText.safeParse(payload[issuer.tenantClaim]);
      const subject = plainText.default('unnamed').safeParse(payload.sub);
      if (!tenant.success || !subject.success) return undefined;
      const actor = `token:${subject.data.slice(0, SUBJECT_LENGTH_MAX)}`;
      return { tenant: tenant.data, actor, scopes: scopesOfClaim(payload[issuer.scopeClaim]) };
    },
  };
}

/** Invalid tokens cause subclasses of JOSEError; the base class and other errors come from fetching the keys. */
function isOutage(error: unknown): boolean {
  if (!(error instanceof errors.JOSEError)) return true;
  return error instanceof errors.JWKSTimeout || error.constructor === errors.JOSEError;
}

/** Scopes of OAuth requests and tokens; `everything` means both others. */
const SCOPE_WORDS = ['read', 'write', 'everything'] as const;

/**
 * Parses an OAuth scope.
 * @param text space-separated words; empty: `read`
 * @returns `undefined` if a word is not one of our scopes
 */
export function parseScopes(text: string): readonly Scope[] | undefined {
  const words = text.split(/\s+/).filter(Boolean);
  if (words.length === 0) return ['read'];
  const scopes = new Set<Scope>();
  for (const word of words) {
    if (word === 'read' || word === 'everything') scopes.add('read');
    if (word === 'write' || word === 'everything') scopes.add('write');
    if (!SCOPE_WORDS.some((known) => known === word)) return undefined;
  }
  return [...scopes];
}

/** Our scopes in a claim of an outside token. Ignores other words; a token without a scope of ours may do nothing. */
function scopesOfClaim(claim: unknown): readonly Scope[] {
  const words = typeof claim === 'string' ? claim.split(/\s+/) : Array.isArray(claim) ? claim : [];
  const known = words.filter((word) => SCOPE_WORDS.some((scope) => scope === word));
  return known.length > 0 ? (parseScopes(known.join(' ')) ?? []) : [];
}
