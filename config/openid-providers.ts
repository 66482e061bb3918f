import { z } from 'zod';
import { jsonArray } from './json-array.ts';

/** Hosts that may be reached without TLS. */
const LOOPBACK: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

function isSecret(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && (url.protocol === 'https:' || LOOPBACK.has(url.hostname));
}

/**
 * An OpenID Provider whose users may log in to the portal.
 *
 * Source: OpenID Connect Core 1.0 section 3.1, the authorization code flow.
 */
const provider = z.strictObject({
  /** Part of the redirect address: `<public url>/portal/login/with/<name>/callback`. */
  name: z.string().regex(/^[a-z0-9](-?[a-z0-9])*$/, 'should be lower-case letters, digits and single hyphens'),
  /** What the button says after "Continue with". */
  title: z.string().min(1).max(60),
  /** As the provider writes it: its metadata is read from `<issuer>/.well-known/openid-configuration`. */
  issuer: z.url({ protocol: /^https?$/ }).refine(isSecret, 'should be an https:// address'),
  clientId: z.string().min(1),
  /** Absent: a public client, which PKCE alone protects. */
  clientSecret: z.string().min(1).optional(),
  scope: z
    .string()
    .regex(/(^| )openid( |$)/, 'should contain openid')
    .default('openid'),
  /** The tenant of all users; absent: the claim says which. */
  tenant: z.string().min(1).optional(),
  /** Claim of the ID token with the key of the tenant. Only for providers that may speak for every tenant. */
  tenantClaim: z.string().min(1).default('tenant'),
  /** Claim that names the user in the audit trail. */
  actorClaim: z.string().min(1).default('sub'),
  /** Users whose claim is or contains one of the values may write; absent: all may read only. */
  writers: z.strictObject({ claim: z.string().min(1), values: z.array(z.string().min(1)).min(1) }).optional(),
});
export type OpenIdProvider = z.infer<typeof provider>;

/** A JSON array, as the setting holds it. Names are unique. */
export const openIdProviders = jsonArray(provider).refine(
  (all) => new Set(all.map(({ name }) => name)).size === all.length,
  'should have names that differ',
);
