import { randomBytes } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import { Webhook } from 'standardwebhooks';
import { createNetworks } from '../../config/networks.ts';
import { readSecretsKeys } from '../../config/secrets-key.ts';
import type { Settings } from '../../config/settings.ts';
import { WaybillError } from '../../contracts/failures.ts';
import { type AddressGuard, createAddressGuard, guardedAgent, type Resolve } from '../remotes/address-guard.ts';
import { createSecretSealer } from '../remotes/sealed-secret.ts';
import type { OutgoingWebhook, WebhookAnswer, WebhookSender } from './webhook-sender.ts';

/** Bytes of a secret; between 24 and 64. Source: Standard Webhooks, "Signature scheme". */
const SECRET_BYTES = 32;

/** How long a receiver may take to answer, connecting included, in milliseconds. */
const ANSWER_MS = 15_000;
/** What is read of the body of an answer, so that its sender can end it: bytes and milliseconds. */
const BODY_BYTES_MAX = 65_536;
const BODY_MS = 1_000;

const OF_GUARD = { destination_refused: 'webhook_refused', destination_unavailable: 'webhook_unavailable' } as const;

/** @param resolve finds the addresses of a host; asked for every connection */
export function createWebhookSender(options: {
  readonly secretsKeys: readonly [Buffer, ...Buffer[]];
  readonly allowedNetworks: readonly string[];
  readonly resolve: Resolve;
  /** @see ANSWER_MS */
  readonly answerMs?: number;
}): WebhookSender {
  const { secretsKeys, allowedNetworks, resolve, answerMs = ANSWER_MS } = options;
  const sealer = createSecretSealer<string>(secretsKeys, 'webhook');
  const shared = { allowed: createNetworks(allowedNetworks), resolve };
  const guard = createAddressGuard(shared);
  const plainGuard = createAddressGuard({ ...shared, allowedOnly: true });
  /** Without TLS only inside the operator's own networks. */
  const guardOf = ({ protocol }: URL): AddressGuard => (protocol === 'https:' ? guard : plainGuard);

  return {
    newSecret: () => `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`,

    seal: (tenant, secret) => sealer.seal(tenant, secret),

    async check(text) {
      const url = new URL(text);
      try {
        await guardOf(url).check(url.hostname);
      } catch (error) {
        throw new WaybillError(failureOf(error), undefined, { cause: error });
      }
    },

    async send(webhook, signal) {
      const headers = signedHeaders(webhook, (secret) => sealer.open(webhook.tenant, secret));
      const url = new URL(webhook.url);
      const agent = guardedAgent(guardOf(url), url.protocol);
      const timeout = AbortSignal.timeout(answerMs);
      try {
        return answerOf(await post(url, headers, webhook.body, agent, AbortSignal.any([signal, timeout])));
      } catch (error) {
        signal.throwIfAborted();
        return { delivered: false, status: null, error: failureOf(error), retryAfterMs: null };
      } finally {
        agent.destroy();
      }
    },
  };
}

/** @returns `null` if the deployment has no key for secrets, and so offers no webhooks */
export function webhookSenderOf(
  settings: Pick<Settings, 'WAYBILL_SECRETS_KEY' | 'WAYBILL_PUSH_ALLOWED_NETWORKS'>,
): WebhookSender | null {
  const secretsKeys = readSecretsKeys(settings.WAYBILL_SECRETS_KEY ?? '');
  if (!secretsKeys) return null;
  return createWebhookSender({
    secretsKeys,
    allowedNetworks: settings.WAYBILL_PUSH_ALLOWED_NETWORKS,
    resolve: (host) => lookup(host, { all: true }),
  });
}

/** The time is that of the attempt, so that receivers can refuse what somebody has recorded and repeats. */
function signedHeaders({ id, body, secrets }: OutgoingWebhook, open: (secret: Uint8Array) => string) {
  const now = new Date();
  const signatures = secrets.flatMap((secret, place) => {
    try {
      return new Webhook(open(secret)).sign(id, now, body);
    } catch (error) {
      // The deployment may have lost the key of an earlier secret, which then signs nothing any more.
      if (place > 0) return [];
      throw error;
    }
  });
  return {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    'user-agent': 'Waybill-Webhooks',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
    'webhook-signature': signatures.join(' '),
  };
}

/** @returns the head of the answer; little of its body is read, and nothing is kept */
function post(
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: string,
  agent: http.Agent,
  signal: AbortSignal,
): Promise<Pick<IncomingMessage, 'statusCode' | 'headers'>> {
  const { promise, resolve, reject } = Promise.withResolvers<Pick<IncomingMessage, 'statusCode' | 'headers'>>();
  const request = (url.protocol === 'https:' ? https : http).request(url, { method: 'POST', headers, agent, signal });
  let head: IncomingMessage | undefined;
  // Once there is a status, what becomes of the body does not matter.
  request.on('error', (error) => (head ? resolve(head) : reject(error)));
  request.once('response', (answer) => {
    head = answer;
    const timer = setTimeout(() => answer.destroy(), BODY_MS);
    let bytes = 0;
    answer.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > BODY_BYTES_MAX) answer.destroy();
    });
    answer.on('error', () => resolve(answer));
    answer.once('close', () => {
      clearTimeout(timer);
      resolve(answer);
    });
  });
  request.end(body);
  return promise;
}

function answerOf({ statusCode = 0, headers }: Pick<IncomingMessage, 'statusCode' | 'headers'>): WebhookAnswer {
  if (statusCode >= 200 && statusCode < 300) return { delivered: true, status: statusCode };
  const seconds = /^\d{1,6}$/.exec(headers['retry-after'] ?? '')?.[0];
  const retryAfterMs = seconds === undefined ? null : Number(seconds) * 1000;
  return { delivered: false, status: statusCode, error: 'webhook_rejected', retryAfterMs };
}

/** The guard speaks of destinations. */
function failureOf(error: unknown): 'webhook_refused' | 'webhook_unavailable' {
  if (error instanceof WaybillError && error.code in OF_GUARD) {
    return OF_GUARD[error.code as keyof typeof OF_GUARD];
  }
  return 'webhook_unavailable';
}
