import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { type Catalog, offeredAt, offeredName } from '../../config/dataset.ts';
import { FAILURES, WaybillError } from '../../contracts/failures.ts';
import { assertDataset, type Limits, mayUseDataset, UNLIMITED } from '../../contracts/limits.ts';
import { FILE_TYPES } from '../../contracts/periodic.ts';
import { EnableBody, KeyBody } from '../../contracts/views/periodic.ts';
import { parseRecipient } from '../../streams/age/keys.ts';
import type { ApiEnv } from '../deps.ts';
import { addCodedIssue } from '../http/field-errors.ts';
import { choiceParameter, flagParameter, textParameter } from '../http/query.ts';

/** Public names of the periodic files, in catalog order. @param limits of a credential; absent: all files */
export function offeredFiles(catalog: Catalog, limits: Limits = UNLIMITED): readonly string[] {
  return offeredAt(catalog, 'periodic')
    .filter(({ name }) => mayUseDataset(limits, name))
    .map(offeredName);
}

/** @param file public name of an offered file. @throws WaybillError `outside_limits` */
export function assertFile(catalog: Catalog, limits: Limits, file: string): void {
  const dataset = offeredAt(catalog, 'periodic').find((candidate) => offeredName(candidate) === file);
  if (dataset) assertDataset(limits, dataset.name);
}

export const OwnQuery = z.object({
  organisation: textParameter({
    description: 'The key of your tenant, case-insensitive. Optional, because the credential identifies the tenant.',
  }),
});

export const DisableQuery = OwnQuery.extend({
  deleteSettings: flagParameter({ description: 'Also delete all files and the recipient.' }),
});

const download = {
  fileType: choiceParameter(FILE_TYPES, failure('unknown_file_type'), {
    description: 'The format: csv or json.',
    example: 'csv',
  }),
  privateKey: textParameter({
    description:
      'The age identity from the response to enable or rotate. Prefer the header `x-private-key`, because URLs end up ' +
      'in logs and histories.',
  }),
  parseJsonDataTypes: flagParameter({
    description: 'For json: values have the types of the data model. Otherwise all values are strings or null.',
  }),
  sealed: flagParameter({
    description: 'Send the stored age files without decrypting them. Does not require a key.',
  }),
  organisation: OwnQuery.shape.organisation,
};

export const DownloadQuery = z.object(download);

/** @param files names of the offered files */
export function fileQuery(files: readonly string[]) {
  const file = choiceParameter(files, failure('unknown_file'), {
    description: 'Name of the file, as listed in `files` of the status.',
    example: 'user',
  });
  return z.object({ file, ...download });
}

/** The private key as a header, which proxies do not log. Published clients send it in the query. */
export const KeyHeader = z.object({
  'x-private-key': z.string().optional().openapi({
    description: 'The age identity; overrides `privateKey`. Used for this request only and not stored.',
  }),
});

/** Checks that the recipient is valid and is not combined with `postQuantum`. */
function checkKey({ recipient, postQuantum }: z.infer<typeof KeyBody>, context: z.RefinementCtx): void {
  // A field that failed its own schema already has an error.
  if (recipient === undefined || context.issues.length > 0) return;
  try {
    parseRecipient(recipient);
  } catch (error) {
    if (!(error instanceof WaybillError)) throw error;
    addCodedIssue(context, { code: error.code }, error.message, ['recipient']);
  }
  if (postQuantum) {
    const message = 'Only valid if the key is generated here. Leave out either this or the recipient.';
    addCodedIssue(context, { code: 'invalid_field' }, message, ['postQuantum']);
  }
}

export const RotateRequest = KeyBody.superRefine(checkKey);
export const EnableRequest = EnableBody.superRefine(checkKey);

/**
 * Checks that the caller asks for its own exports.
 * @param organisation as sent by the caller
 * @throws WaybillError `foreign_organisation`
 */
export function assertOwn(c: Context<ApiEnv>, organisation: string | undefined): void {
  if (organisation !== undefined && organisation.toLowerCase() !== c.get('caller').tenant.key) {
    throw new WaybillError('foreign_organisation');
  }
}

function failure(code: 'unknown_file' | 'unknown_file_type') {
  return { code, title: FAILURES[code].title };
}
