import { createRoute, z } from '@hono/zod-openapi';
import type { Handler } from 'hono';
import { PUBLIC_KEYS_PATH } from '../contracts/envelope.ts';
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

/** Seconds that the keys may be cached. A new key is published before it signs anything. */
const KEYS_SECONDS = 60;

export function keysHandler({ ledger }: Pick<ApiDeps, 'ledger'>): Handler<ApiEnv> {
  return async function sendKeys(c) {
    c.header('Cache-Control', `public, max-age=${KEYS_SECONDS}`);
    return c.json({ keys: await ledger.signingKeys.list() });
  };
}
