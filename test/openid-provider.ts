import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { Provider } from 'oidc-provider';
import { LOOPBACK } from '../stack/ports.ts';
import { closeAtEnd } from './cleanup.ts';

/** Another site than the portal's: cookies and redirects cross sites, as they do between a company and its provider. */
const HOST = 'localhost';

interface Listening {
  readonly issuer: string;
  /** Sets what answers. */
  answer(handler: (request: IncomingMessage, response: ServerResponse) => Promise<void>): void;
}

async function listen(): Promise<Listening> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, LOOPBACK, resolve);
  });
  closeAtEnd(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  const at = server.address();
  return {
    issuer: `http://${HOST}:${typeof at === 'object' ? at?.port : 0}`,
    answer(handler) {
      server.removeAllListeners('request').on('request', (request, response) => void handler(request, response));
    },
  };
}

export interface Person {
  readonly org: string;
  readonly groups: readonly string[];
}

/** A certified OpenID Provider: people type any name and any password, then consent. */
export interface StartedProvider {
  readonly issuer: string;
  /** @param redirects addresses of the callbacks, by client id. Clients with a secret have `<id>-secret` */
  serve(redirects: Readonly<Record<string, string>>, people: Readonly<Record<string, Person>>): void;
}

export async function startProvider(): Promise<StartedProvider> {
  const { issuer, answer } = await listen();
  return {
    issuer,
    serve(redirects, people) {
      const provider = new Provider(issuer, {
        clients: Object.entries(redirects).map(([id, redirect]) => ({
          client_id: id,
          redirect_uris: [redirect],
          ...(id.endsWith('-public')
            ? { token_endpoint_auth_method: 'none' as const }
            : { client_secret: `${id}-secret` }),
        })),
        claims: { openid: ['sub', 'org', 'groups'] },
        conformIdTokenClaims: false,
        pkce: { required: () => true },
        cookies: { keys: ['a key of a test'] },
        findAccount: (_context, id) => ({
          accountId: id,
          claims: () => ({ sub: id, ...people[id], groups: [...(people[id]?.groups ?? [])] }),
        }),
      });
      const handle = provider.callback();
      answer(handle);
    },
  };
}

/** What an issuer that cannot be trusted puts into its answers. */
export interface Answer {
  /** Claims of the ID token; `undefined` leaves one out. */
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly key?: CryptoKey | Uint8Array;
  readonly alg?: string;
  /** Answers of the token endpoint that are none. */
  readonly instead?: 'invalid_grant' | 'server_error' | 'a page' | 'cut' | 'nothing';
}

/** An issuer that answers whatever it is told to, whoever asks. */
export interface LooseIssuer {
  readonly issuer: string;
  /** What the portal has sent to the token endpoint. */
  readonly asked: readonly URLSearchParams[];
  /** @param nonce of the log-in */
  next(nonce: string, answer: Answer): void;
  /** Whether its metadata can be read. */
  setAway(isAway: boolean): void;
}

export async function startLooseIssuer(clientId: string): Promise<LooseIssuer> {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const keys = { keys: [{ ...(await exportJWK(publicKey)), kid: 'one', alg: 'ES256', use: 'sig' }] };
  const { issuer, answer } = await listen();
  const asked: URLSearchParams[] = [];
  let next: { readonly nonce: string; readonly answer: Answer } = { nonce: '', answer: {} };
  let isAway = false;
  const metadata = {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/keys`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
    authorization_response_iss_parameter_supported: true,
  };

  async function idToken(): Promise<string> {
    const { claims = {}, key = privateKey, alg = 'ES256' } = next.answer;
    const now = Math.floor(Date.now() / 1000);
    const all = { iss: issuer, aud: clientId, sub: 'mallory', iat: now, exp: now + 60, nonce: next.nonce, ...claims };
    if (alg === 'none') {
      const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
      return `${part({ alg, kid: 'one' })}.${part(all)}.`;
    }
    return new SignJWT(all).setProtectedHeader({ alg, kid: 'one' }).sign(key);
  }

  answer(async (request, response) => {
    const json = (status: number, body: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (isAway) return void request.socket.destroy();
    switch (request.url) {
      case '/.well-known/openid-configuration':
        return void json(200, metadata);
      case '/keys':
        return void json(200, keys);
      case '/token': {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk as Buffer);
        asked.push(new URLSearchParams(Buffer.concat(chunks).toString()));
        switch (next.answer.instead) {
          case 'invalid_grant':
            return void json(400, { error: 'invalid_grant' });
          case 'server_error':
            return void json(500, { error: 'server_error' });
          case 'a page':
            return void response.writeHead(200, { 'content-type': 'text/html' }).end('<p>Log in to the network');
          case 'cut':
            response.writeHead(200, { 'content-type': 'application/json', 'content-length': '999' }).write('{"access');
            return void request.socket.destroy();
          case 'nothing':
            return;
          default:
            return void json(200, { access_token: 'opaque', token_type: 'Bearer', id_token: await idToken() });
        }
      }
      default:
        return void json(404, {});
    }
  });
  return {
    issuer,
    asked,
    next: (nonce, told) => {
      next = { nonce, answer: told };
    },
    setAway: (away) => {
      isAway = away;
    },
  };
}
