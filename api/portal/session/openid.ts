import * as openid from 'openid-client';
import type { OpenIdProvider } from '../../../config/openid-providers.ts';
import { WaybillError } from '../../../contracts/failures.ts';
import type { Scope } from '../../../stores/ledger/ports.ts';

/** How long a provider may take to answer, in seconds. */
const TIMEOUT_SECONDS = 5;
/** How long the metadata of a provider is used before it is read again, in milliseconds. */
const METADATA_MS = 3_600_000;
const ACTOR_LENGTH_MAX = 200;

/** What the browser keeps from the start of a log-in to its end. Secret. */
export interface Pending {
  readonly state: string;
  readonly nonce: string;
  /** PKCE's code verifier. */
  readonly verifier: string;
}

/** Who has logged in, as the provider says. The tenant may not exist. */
export interface OpenIdIdentity {
  readonly tenant: string;
  readonly actor: string;
  readonly scopes: readonly Scope[];
}

/** Why a log-in did not end with an identity. `declined`: by the user, or by the provider. `refused`: its answer does not hold. */
export type OpenIdRefusal = 'declined' | 'refused';

/**
 * The authorization code flow with PKCE at one provider.
 *
 * Source: OpenID Connect Core 1.0 section 3.1; RFC 7636; RFC 9207; RFC 9700 section 2.1.
 */
export interface OpenIdFlow {
  readonly provider: OpenIdProvider;
  /** @returns the provider's address to send the browser to. @throws WaybillError `issuer_unavailable` */
  begin(): Promise<{ readonly address: URL; readonly pending: Pending }>;
  /**
   * Redeems the code, and checks the ID token: signature, issuer, audience, times, nonce.
   *
   * @param query of the request that the provider has redirected the browser to
   * @param onRefused gets why, for the log; holds no token and no claim
   * @throws WaybillError `issuer_unavailable`
   */
  finish(query: string, pending: Pending, onRefused: (reason: string) => void): Promise<OpenIdIdentity | OpenIdRefusal>;
}

/** @param redirect address that the provider redirects browsers to */
export function createOpenIdFlow(provider: OpenIdProvider, redirect: string): OpenIdFlow {
  const { issuer, clientId, clientSecret, scope } = provider;
  let known: { readonly config: Promise<openid.Configuration>; readonly readAt: number } | undefined;

  /** Reads the metadata when it is needed, so that a provider that is away does not keep the service from starting. */
  async function metadata(): Promise<openid.Configuration> {
    if (!known || Date.now() - known.readAt > METADATA_MS) {
      const config = openid.discovery(
        new URL(issuer),
        clientId,
        undefined,
        clientSecret === undefined ? openid.None() : openid.ClientSecretBasic(clientSecret),
        {
          timeout: TIMEOUT_SECONDS,
          // The signature is checked too, not only the certificate of the provider. Only a loopback address may be without TLS.
          execute: [
            openid.enableNonRepudiationChecks,
            ...(issuer.startsWith('http:') ? [openid.allowInsecureRequests] : []),
          ],
        },
      );
      known = { config, readAt: Date.now() };
    }
    try {
      return await known.config;
    } catch (error) {
      known = undefined;
      throw unavailable(error);
    }
  }

  return {
    provider,

    async begin() {
      const config = await metadata();
      const pending = {
        state: openid.randomState(),
        nonce: openid.randomNonce(),
        verifier: openid.randomPKCECodeVerifier(),
      };
      const address = openid.buildAuthorizationUrl(config, {
        redirect_uri: redirect,
        scope,
        state: pending.state,
        nonce: pending.nonce,
        code_challenge: await openid.calculatePKCECodeChallenge(pending.verifier),
        code_challenge_method: 'S256',
      });
      return { address, pending };
    },

    async finish(query, { state, nonce, verifier }, onRefused) {
      const config = await metadata();
      try {
        const tokens = await openid.authorizationCodeGrant(config, new URL(`${redirect}${query}`), {
          expectedState: state,
          expectedNonce: nonce,
          pkceCodeVerifier: verifier,
          idTokenExpected: true,
        });
        const identity = identityOf(provider, tokens.claims() ?? {});
        if (typeof identity !== 'string') return identity;
        onRefused(identity);
      } catch (error) {
        if (error instanceof openid.AuthorizationResponseError) {
          onRefused(error.error);
          return 'declined';
        }
        if (isOutage(error)) throw unavailable(error);
        onRefused(error instanceof Error ? error.message : 'unknown');
      }
      return 'refused';
    },
  };
}

/** Codes of an answer that was not that of a provider in order: of a proxy, or cut short. */
const OUTAGES: ReadonlySet<unknown> = new Set([
  'OAUTH_TIMEOUT',
  'OAUTH_ABORT',
  'OAUTH_RESPONSE_IS_NOT_CONFORM',
  'OAUTH_RESPONSE_IS_NOT_JSON',
  'OAUTH_PARSE_ERROR',
]);

/** What goes wrong below HTTP is a `TypeError` of fetch or a `DOMException`. */
function isOutage(error: unknown): boolean {
  if (error instanceof openid.ResponseBodyError) return error.status >= 500;
  if (error instanceof openid.ClientError) return OUTAGES.has(error.code);
  return error instanceof TypeError || error instanceof DOMException;
}

/** Without the cause: it may hold what the provider sent. */
function unavailable(error: unknown): WaybillError {
  return new WaybillError('issuer_unavailable', undefined, {
    cause: error instanceof Error ? error.message : undefined,
  });
}

/** @returns who it is, or which claim is missing */
function identityOf(
  { name, tenant: only, tenantClaim, actorClaim, writers }: OpenIdProvider,
  claims: Readonly<Record<string, unknown>>,
): OpenIdIdentity | string {
  const tenant = only ?? claims[tenantClaim];
  const actor = claims[actorClaim];
  if (!isPlain(tenant)) return `no text in the claim ${tenantClaim}`;
  if (!isPlain(actor)) return `no text in the claim ${actorClaim}`;
  const granted = writers ? claims[writers.claim] : [];
  const mayWrite = [granted].flat().some((value) => writers?.values.some((wanted) => wanted === value));
  return {
    tenant,
    actor: `${name}:${actor}`.slice(0, ACTOR_LENGTH_MAX),
    scopes: mayWrite ? ['read', 'write'] : ['read'],
  };
}

/** A provider may send any JSON; the ledger and the log can hold this. */
function isPlain(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !/\p{Cc}/u.test(value) && value.isWellFormed();
}
