import type { z } from '@hono/zod-openapi';
import { WaybillError } from '../../contracts/failures.ts';
import { EnableBody, KeyBody } from '../../contracts/views/periodic.ts';
import { generateKey, parseRecipient } from '../../streams/age/keys.ts';

/** What a schema of a key cannot say: whether the recipient is one, and what does not go together. */
function checkKey({ recipient, postQuantum }: z.infer<typeof KeyBody>, context: z.RefinementCtx): void {
  // A field whose own schema failed has its error already.
  if (recipient === undefined || context.issues.length > 0) return;
  try {
    parseRecipient(recipient);
  } catch (error) {
    if (!(error instanceof WaybillError)) throw error;
    const { code, message } = error;
    context.addIssue({ code: 'custom', path: ['recipient'], message, params: { code } });
  }
  if (postQuantum) {
    const message = 'Is for a key that is made here. Leave it out, or leave the recipient out.';
    context.addIssue({ code: 'custom', path: ['postQuantum'], message, params: { code: 'invalid_field' } });
  }
}

export const RotateRequest = KeyBody.superRefine(checkKey);
export const EnableRequest = EnableBody.superRefine(checkKey);

/** A recipient to seal to, and the private key where it was made here. */
export interface SealingKey {
  readonly recipient: string;
  /** Secret: answered once, and stored nowhere. `null`: the caller brought the recipient. */
  readonly privateKey: string | null;
}

/** Makes a key, or takes the recipient that the caller brought. */
export async function sealingKey({ recipient, postQuantum }: z.infer<typeof KeyBody>): Promise<SealingKey> {
  if (recipient !== undefined) return { recipient: parseRecipient(recipient), privateKey: null };
  const made = await generateKey({ postQuantum: postQuantum ?? false });
  return { recipient: made.recipient, privateKey: made.identity };
}

/** Added to answers with a key where something is not as a caller may expect. */
export const HINTS = {
  resumed:
    'Resumed under the recipient of before: the private key that you have goes on opening the files. ' +
    'If it is lost, rotate to get a new one.',
  ownRecipient: 'The files are sealed to your own recipient: only the private key that you keep opens them.',
  notTriggered: 'The run that makes the files could not be started now; the next nightly run makes them.',
  notRemoved: 'Files that the old key opens are no longer offered, and are removed as soon as the store answers.',
} as const;
