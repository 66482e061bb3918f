import { createRoute, z } from '@hono/zod-openapi';
import type { Context, Handler } from 'hono';
import { ENVELOPE_TYPE, PUBLIC_KEYS_PATH } from '../contracts/envelope.ts';
import { WaybillError } from '../contracts/failures.ts';
import type { StoredRun } from '../stores/objects/manifests.ts';
import { readEnvelope } from '../stores/objects/signatures.ts';
import type { ApiDeps, ApiEnv } from './deps.ts';
import { jsonContent } from './openapi.ts';

export const keysRoute = createRoute({
  method: 'get',
  path: PUBLIC_KEYS_PATH,
  tags: ['Signatures'],
  summary: 'List the public keys of signatures',
  description:
    'The keys that manifests of this deployment are signed with, as a JSON Web Key Set (RFC 7517); the newest first. Keys that ' +
    'are no longer used stay, so that older manifests can be checked. `waybill verify --keys` reads the file.',
  security: [],
  responses: { 200: { description: 'The keys.', content: jsonContent(z.looseObject({})) } },
});

/** Content of a response with a signed manifest, for OpenAPI. */
export const envelopeContent = {
  [ENVELOPE_TYPE]: {
    schema: z.looseObject({}).openapi({ description: 'A DSSE envelope: the manifest in base64, and its signature.' }),
  },
};

/** Seconds that the keys may be cached. A new key is published before it signs anything. */
const KEYS_SECONDS = 60;

export function keysHandler({ ledger }: Pick<ApiDeps, 'ledger'>): Handler<ApiEnv> {
  return async function sendKeys(c) {
    c.header('Cache-Control', `public, max-age=${KEYS_SECONDS}`);
    return c.json({ keys: await ledger.signingKeys.list() });
  };
}

/** @throws WaybillError `not_found` if the manifest is not signed */
export async function sendEnvelope(
  c: Context<ApiEnv>,
  { objects }: Pick<ApiDeps, 'objects'>,
  stored: StoredRun,
): Promise<Response> {
  const envelope = await readEnvelope(objects, stored);
  if (!envelope)
    throw new WaybillError('not_found', 'The manifest is not signed: the worker that wrote it had no key.');
  return c.body(JSON.stringify(envelope), 200, { 'Content-Type': ENVELOPE_TYPE, 'Cache-Control': 'private, no-cache' });
}
