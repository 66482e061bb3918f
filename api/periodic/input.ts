import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { type Catalog, offeredAt, offeredName } from '../../config/dataset.ts';
import { FAILURES, WaybillError } from '../../contracts/failures.ts';
import { FILE_TYPES } from '../../contracts/periodic.ts';
import { EnableBody, KeyBody } from '../../contracts/views/periodic.ts';
import { parseRecipient } from '../../streams/age/keys.ts';
import type { ApiEnv } from '../deps.ts';
import { choiceParameter, flagParameter, textParameter } from '../http/query.ts';

/** Names that callers know the periodic files by, in the order of the catalog. */
export function offeredFiles(catalog: Catalog): readonly string[] {
  return offeredAt(catalog, 'periodic').map(offeredName);
}

export const OwnQuery = z.object({
  organisation: textParameter({
    description: 'Key of your tenant, in any case. The credential says it already; another one is refused.',
  }),
});

export const DisableQuery = OwnQuery.extend({
  deleteSettings: flagParameter({ description: 'Remove all files, and forget the recipient.' }),
});

const download = {
  fileType: choiceParameter(FILE_TYPES, failure('unknown_file_type'), {
    description: 'csv or json.',
    example: 'csv',
  }),
  privateKey: textParameter({
    description:
      'The age identity that enable answered. Better sent as `x-private-key`: addresses end up in histories.',
  }),
  parseJsonDataTypes: flagParameter({
    description: 'For json: values with the types of the data model. Otherwise every value is a text, or null.',
  }),
  sealed: flagParameter({
    description: 'Send what is stored, age files, and leave the opening to you; needs no key.',
  }),
  organisation: OwnQuery.shape.organisation,
};

export const DownloadQuery = z.object(download);

/** @param files names of the files that are offered */
export function fileQuery(files: readonly string[]) {
  const file = choiceParameter(files, failure('unknown_file'), {
    description: 'Name of the file, as written in `files` of the status.',
    example: 'user',
  });
  return z.object({ file, ...download });
}

/** The key in a header, which no proxy writes down; the query is where the vendor's clients send it. */
export const KeyHeader = z.object({
  'x-private-key': z.string().optional().openapi({
    description: 'The age identity, here instead of in the query; this one counts. Used once and kept nowhere.',
  }),
});

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

/** Checks whose exports are meant. @param organisation as the caller sent it. @throws WaybillError `foreign_organisation` */
export function assertOwn(c: Context<ApiEnv>, organisation: string | undefined): void {
  if (organisation !== undefined && organisation.toLowerCase() !== c.get('caller').tenant.key) {
    throw new WaybillError('foreign_organisation');
  }
}

function failure(code: 'unknown_file' | 'unknown_file_type') {
  return { code, title: FAILURES[code].title };
}
