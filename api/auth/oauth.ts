import { createRoute, z } from '@hono/zod-openapi';
import type { Context, Handler } from 'hono';
import { WaybillError } from '../../contracts/failures.ts';
import type { Credential } from '../../stores/ledger/ports.ts';
import type { ApiDeps, ApiEnv } from '../deps.ts';
import { challenge, retryAfterSeconds } from '../http/problems.ts';
import { type ClientAddress, mediaTypeOf, parseJson, readBody } from '../http/requests.ts';
import { jsonContent } from '../openapi.ts';
import { auditFailedLogin, readCredential, type SecretCheck } from './authenticate.ts';
import { type OwnTokens, parseScopes } from './tokens.ts';

const TokenRequest = z
  .object({
    grant_type: z.literal('client_credentials'),
    client_id: z.string().optional().openapi({ description: 'Alternatively the user name of Basic authentication.' }),
    client_secret: z
      .string()
      .optional()
      .openapi({ description: 'Alternatively the password of Basic authentication.' }),
    scope: z.string().optional().openapi({ description: 'read (default), write, everything', example: 'read write' }),
  })
  .openapi('TokenRequest');

const TokenAnswer = z
  .object({
    access_token: z.string(),
    token_type: z.literal('Bearer'),
    expires_in: z.number().int().openapi({ description: 'Lifetime of the token in seconds.' }),
    scope: z.string().openapi({ example: 'read write' }),
  })
  .openapi('TokenAnswer');

const TokenError = z
  .object({ error: z.string().openapi({ example: 'invalid_client' }), error_description: z.string() })
  .openapi('TokenError');

const errorContent = jsonContent(TokenError);

export const tokenRoute = createRoute({
  method: 'post',
  path: '/oauth/token',
  tags: ['Authentication'],
  summary: 'Get an access token',
  description: 'OAuth 2 client credentials grant (RFC 6749 section 4.4). Also available at `/v1/identity/oauth/token`.',
  security: [],
  request: {
    body: {
      required: true,
      content: {
        'application/x-www-form-urlencoded': { schema: TokenRequest },
        'application/json': { schema: TokenRequest },
      },
    },
  },
  responses: {
    200: { description: 'A bearer token.', content: jsonContent(TokenAnswer) },
    400: { description: 'The request, the grant type or the scope is invalid.', content: errorContent },
    401: { description: 'The client id or secret is wrong.', content: errorContent },
    429: { description: 'Too many failed log-ins; see Retry-After.', content: errorContent },
    503: { description: 'The ledger cannot be reached.', content: errorContent },
  },
});

export interface OAuthDeps extends Pick<ApiDeps, 'ledger'> {
  readonly bodyBytesMax: number;
  readonly addressOf: ClientAddress;
  readonly secrets: SecretCheck;
  readonly ownTokens: OwnTokens;
}

/** An error response in the format of RFC 6749 section 5.2. */
class TokenRefusal extends Error {
  override readonly name = 'TokenRefusal';
  readonly status: 400 | 401;
  readonly error: string;

  constructor(status: 400 | 401, error: string, description: string) {
    super(description);
    this.status = status;
    this.error = error;
  }
}

/** Answers `POST /oauth/token`. */
export function tokenHandler(deps: OAuthDeps): Handler<ApiEnv> {
  const { ledger, ownTokens } = deps;
  return async function issueToken(c) {
    c.header('Cache-Control', 'no-store');
    c.header('Pragma', 'no-cache');
    try {
      const fields = await readFields(c, deps.bodyBytesMax);
      const grant = fields.get('grant_type');
      if (grant === undefined) throw new TokenRefusal(400, 'invalid_request', 'grant_type is missing.');
      if (grant !== 'client_credentials') {
        throw new TokenRefusal(400, 'unsupported_grant_type', 'Only client_credentials is supported.');
      }
      const scopes = parseScopes(fields.get('scope') ?? '');
      if (!scopes) throw new TokenRefusal(400, 'invalid_scope', 'The valid scopes are read, write and everything.');
      const credential = await authenticateClient(c, deps, fields);
      if (scopes.some((scope) => !credential.scopes.includes(scope))) {
        throw new TokenRefusal(400, 'invalid_scope', 'The client may not have this scope.');
      }
      const { token, seconds } = await ownTokens.issue(credential, scopes);
      await ledger.credentials.recordUse(credential.id, c.get('address'));
      await ledger.audit.append({
        tenant: credential.tenant,
        actor: credential.clientId,
        action: 'token.issued',
        runId: null,
        detail: { scope: scopes.join(' '), seconds },
      });
      return c.json({ access_token: token, token_type: 'Bearer', expires_in: seconds, scope: scopes.join(' ') });
    } catch (error) {
      return refusal(c, error);
    }
  };
}

async function readFields(c: Context<ApiEnv>, bodyBytesMax: number): Promise<ReadonlyMap<string, string>> {
  const type = mediaTypeOf(c);
  const fields = new Map<string, string>();
  const body = await readBody(c, bodyBytesMax);
  if (type === 'application/json') {
    const json = z.record(z.string(), z.unknown()).safeParse(parseJson(body));
    if (!json.success) throw new TokenRefusal(400, 'invalid_request', 'The body should be one JSON object.');
    for (const [name, value] of Object.entries(json.data)) {
      if (typeof value !== 'string') throw new TokenRefusal(400, 'invalid_request', 'Each field should be a string.');
      fields.set(name, value);
    }
  } else if (type === 'application/x-www-form-urlencoded') {
    for (const [name, value] of new URLSearchParams(Buffer.from(body).toString('utf8'))) {
      if (fields.has(name)) throw new TokenRefusal(400, 'invalid_request', 'A field was sent more than once.');
      fields.set(name, value);
    }
  } else {
    throw new TokenRefusal(400, 'invalid_request', 'Send a form or JSON, with the matching Content-Type.');
  }
  return fields;
}

/** Basic authentication or fields, not both. Source: RFC 6749 section 2.3.1. */
async function authenticateClient(
  c: Context<ApiEnv>,
  deps: OAuthDeps,
  fields: ReadonlyMap<string, string>,
): Promise<Credential> {
  const presented = readCredential(c.req.header('authorization'), undefined);
  const wrong = new TokenRefusal(401, 'invalid_client', 'The client id or secret is missing or wrong.');
  const pair =
    presented.kind === 'pair'
      ? presented
      : { clientId: fields.get('client_id') ?? '', secret: fields.get('client_secret') ?? '' };
  if (presented.kind === 'pair' && fields.has('client_secret')) {
    throw new TokenRefusal(400, 'invalid_request', 'Send the secret in the header or in the body, not in both.');
  }
  if (pair.clientId === '' || pair.secret === '') throw wrong;
  const address = deps.addressOf(c);
  const credential = await deps.secrets.pair(address, pair.clientId, pair.secret);
  if (credential) return credential;
  await auditFailedLogin(deps, address, pair.clientId, 'token');
  throw wrong;
}

function refusal(c: Context<ApiEnv>, error: unknown): Response {
  if (error instanceof TokenRefusal) {
    if (error.status === 401) challenge(c);
    return c.json({ error: error.error, error_description: error.message }, error.status);
  }
  if (error instanceof WaybillError && error.code === 'rate_limited') {
    c.header('Retry-After', String(retryAfterSeconds(error)));
    return c.json({ error: 'temporarily_unavailable', error_description: error.message }, 429);
  }
  if (error instanceof WaybillError && (error.code === 'malformed_body' || error.code === 'body_too_large')) {
    return c.json({ error: 'invalid_request', error_description: error.message }, 400);
  }
  if (error instanceof WaybillError && error.code === 'ledger_unavailable') {
    c.get('logger').error({ err: error }, 'no token could be issued');
    c.header('Retry-After', '5');
    return c.json({ error: 'temporarily_unavailable', error_description: error.message }, 503);
  }
  throw error;
}
