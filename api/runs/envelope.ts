import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { ENVELOPE_TYPE } from '../../contracts/envelope.ts';
import { WaybillError } from '../../contracts/failures.ts';
import type { StoredRun } from '../../stores/objects/manifests.ts';
import { readEnvelope } from '../../stores/objects/signatures.ts';
import type { ApiDeps, ApiEnv } from '../deps.ts';

/** Content of a response with a signed manifest, for OpenAPI. */
export const envelopeContent = {
  [ENVELOPE_TYPE]: {
    schema: z.looseObject({}).openapi({ description: 'A DSSE envelope: the manifest in base64, and its signature.' }),
  },
};

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
