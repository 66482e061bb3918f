import type { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { WaybillError } from '../../contracts/failures.ts';
import { generateKey, parseRecipient } from '../../streams/age/keys.ts';
import type { ApiEnv } from '../deps.ts';
import type { FieldError } from '../http/problems.ts';
import { readOptionalJson } from '../http/requests.ts';
import { fieldErrorsOf } from '../problems/field-errors.ts';
import { readQuery, refuseWrong } from './query.ts';
import type { KeyBody } from './schemas.ts';

/** A recipient to seal to, and the private key where it was made here. */
export interface SealingKey {
  readonly recipient: string;
  /** Secret: answered once, and kept nowhere. `null`: the caller brought the recipient. */
  readonly privateKey: string | null;
}

/**
 * Reads a request for a key: a body that may be left out, and the query.
 *
 * @throws WaybillError `malformed_body`, `unsupported_media_type`, `body_too_large`, `foreign_organisation`; InvalidFields
 *   with all that is wrong
 */
export async function readKeyOrder<Schema extends typeof KeyBody>(
  c: Context<ApiEnv>,
  schema: Schema,
  bodyBytesMax: number,
): Promise<z.infer<Schema>> {
  const errors: FieldError[] = [];
  const organisation = readQuery(c, errors).text('organisation');
  const sent = await readOptionalJson(c, bodyBytesMax);
  const body = sent === undefined ? {} : sent;
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new WaybillError('malformed_body', 'The body should be one JSON object, or left out.');
  }
  const fields = { ...body };
  const read = schema.safeParse(fields);
  if (read.success) errors.push(...keyErrors(read.data));
  else errors.push(...fieldErrorsOf(read.error, fields));
  refuseWrong(c, errors, organisation);
  if (!read.success) throw new WaybillError('internal');
  return read.data;
}

function keyErrors({ recipient, postQuantum }: z.infer<typeof KeyBody>): readonly FieldError[] {
  if (recipient === undefined) return [];
  const errors: FieldError[] = [];
  try {
    parseRecipient(recipient);
  } catch (error) {
    if (!(error instanceof WaybillError)) throw error;
    errors.push({ field: 'recipient', code: error.code, message: error.message });
  }
  if (postQuantum) {
    const message = 'postQuantum: Is for a key that is made here. Leave it out, or leave the recipient out.';
    errors.push({ field: 'postQuantum', code: 'invalid_field', message });
  }
  return errors;
}

/** Makes a key, or takes the recipient that the caller brought. */
export async function sealingKey({ recipient, postQuantum }: z.infer<typeof KeyBody>): Promise<SealingKey> {
  if (recipient !== undefined) return { recipient: parseRecipient(recipient), privateKey: null };
  const made = await generateKey({ postQuantum: postQuantum ?? false });
  return { recipient: made.recipient, privateKey: made.identity };
}
