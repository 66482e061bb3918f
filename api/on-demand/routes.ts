import { createRoute, z } from '@hono/zod-openapi';
import { PUBLIC_KEYS_PATH } from '../../contracts/envelope.ts';
import {
  Accepted,
  ExportFiles,
  ExportList,
  ExportView,
  JobStatus,
  ListQuery,
  OrderBody,
} from '../../contracts/views/on-demand.ts';
import { problems } from '../http/problems.ts';
import { jsonContent, storedFileContent } from '../openapi.ts';
import { envelopeContent } from '../runs/envelope.ts';

const tags = ['Exports'];
const params = z.object({
  id: z.string().openapi({
    param: { name: 'id', in: 'path' },
    description: 'A job id (percent-encoded base64 or base64url), or an export id (UUID).',
    example: '0b6b7229-1a2a-43c8-bc82-51782230b846',
  }),
});

const acceptedHeaders = {
  Location: { schema: { type: 'string' as const }, description: 'The URL of the export.' },
  'Retry-After': { schema: { type: 'integer' as const }, description: 'Seconds to wait before the first poll.' },
};

export const createExport = createRoute({
  method: 'post',
  path: '/exports',
  tags,
  summary: 'Request an export',
  description:
    'While an export for the same request is running, the response refers to that export. After it has ended, the same ' +
    'request starts a new one.',
  request: {
    headers: z.object({
      'Idempotency-Key': z
        .string()
        .optional()
        .openapi({
          minLength: 1,
          maxLength: 255,
          pattern: '^[!-~]([ -~]*[!-~])?$',
          description:
            'Repeating a request with the same key within 24 hours returns the same export, even after it has ended. ' +
            'While the first request is still in progress, a duplicate waits up to six seconds, then gets 429 with ' +
            'Retry-After.',
        }),
    }),
    body: { required: true, content: jsonContent(OrderBody) },
  },
  responses: {
    202: { description: 'The export has been accepted.', content: jsonContent(Accepted), headers: acceptedHeaders },
    ...problems(
      'malformed_body',
      'invalid_field',
      'missing_field',
      'unknown_field',
      'unknown_dataset',
      'unknown_format',
      'format_not_offered',
      'missing_parameter',
      'foreign_parameter',
      'invalid_date',
      'reversed_window',
      'unknown_column',
      'invalid_recipient',
      'unsupported_media_type',
      'body_too_large',
      'insufficient_scope',
      'idempotency_conflict',
      'too_many_exports',
      'temporal_unavailable',
    ),
  },
});

export const listExports = createRoute({
  method: 'get',
  path: '/exports',
  tags,
  summary: 'Get the status of a job, or list all exports',
  description: 'With `id`: the status of one job. Without: a page of the exports of the tenant, newest first.',
  request: {
    query: ListQuery.extend({
      id: z.string().optional().openapi({ description: 'A job id. Plus signs do not need to be escaped.' }),
    }),
  },
  responses: {
    200: {
      description: 'The job, or a page of exports.',
      content: jsonContent(z.union([JobStatus, ExportList])),
      headers: { Link: { schema: { type: 'string' }, description: 'The URL of the next page, with rel="next".' } },
    },
    ...problems('invalid_field', 'unknown_field', 'unknown_dataset', 'not_found'),
  },
});

export const showExport = createRoute({
  method: 'get',
  path: '/exports/{id}',
  tags,
  summary: 'Show an export',
  request: { params },
  responses: { 200: { description: 'The export.', content: jsonContent(ExportView) }, ...problems('not_found') },
});

/** OpenAPI 3.1 has no type for a stream of events, so the text is described. */
const events = z.string().openapi({
  description:
    'Events by the HTML standard. `event` is `progress` or `end`, `data` is one line of JSON: an Export, as GET of the export ' +
    'returns it. A comment, `: keep-alive`, comes while nothing changes.',
  example: 'event: progress\ndata: {"exportId":"…","state":"running","progress":{"percent":42}}\n\n',
});

export const watchExport = createRoute({
  method: 'get',
  path: '/exports/{id}/events',
  tags,
  summary: 'Watch an export',
  description:
    'Server-sent events: `progress` on every change and `end` once the export has ended, each with the export as data. ' +
    'The stream closes after `end`.',
  request: { params },
  responses: {
    200: { description: 'A stream of events.', content: { 'text/event-stream': { schema: events } } },
    ...problems('not_found'),
  },
});

/** Why what a finished export has cannot be sent. */
const withoutFiles = problems('not_found', 'not_ready', 'no_file', 'gone', 'objects_unavailable', 'object_damaged');

export const downloadManifest = createRoute({
  method: 'get',
  path: '/exports/{id}/manifest',
  tags,
  summary: 'Download the manifest',
  request: { params },
  responses: {
    200: { description: 'The manifest, exactly as stored.', content: jsonContent(z.looseObject({})) },
    304: { description: 'The manifest matches If-None-Match.' },
    ...withoutFiles,
  },
});

export const downloadSignature = createRoute({
  method: 'get',
  path: '/exports/{id}/manifest/signature',
  tags,
  summary: 'Download the signed manifest',
  description: `A DSSE envelope with the manifest and its signature. The public keys are at \`${PUBLIC_KEYS_PATH}\`.`,
  request: { params },
  responses: {
    200: { description: 'The envelope.', content: envelopeContent },
    ...withoutFiles,
  },
});

/** What both downloads of files take and answer. */
const download = {
  security: [{ bearer: [] }, { basic: [] }, { apiKey: [] }, {}],
  headers: z.object({
    Range: z.string().optional().openapi({ example: 'bytes=0-1023' }),
    'x-private-key': z
      .string()
      .optional()
      .openapi({ description: 'An age identity. Used for this request only and not stored.' }),
  }),
  query: z.object({
    expires: z.string().optional().openapi({ description: 'Part of a signed link.' }),
    issued: z.string().optional().openapi({ description: 'Part of a signed link.' }),
    signature: z
      .string()
      .optional()
      .openapi({ description: 'Part of a signed link, which does not require credentials.' }),
  }),
  responses: {
    200: { description: 'The file.', content: storedFileContent },
    206: { description: 'The requested range.', content: storedFileContent },
    304: { description: 'The file has not been modified.' },
    ...problems(
      'not_found',
      'not_ready',
      'no_file',
      'gone',
      'link_invalid',
      'link_expired',
      'not_sealed',
      'wrong_key',
      'precondition_failed',
      'range_not_satisfiable',
      'objects_unavailable',
      'object_damaged',
    ),
  },
};

export const downloadFile = createRoute({
  method: 'get',
  path: '/exports/{id}/file',
  tags,
  summary: 'Download the file',
  description:
    'Streams the file as stored. Supports a single range, If-Range, If-Match, If-None-Match, If-Modified-Since and ' +
    'If-Unmodified-Since. With `x-private-key`, a sealed file is decrypted during the download; ranges are not supported ' +
    'then. Of an export with several files, a zip of all, without ranges.',
  security: download.security,
  request: { params, headers: download.headers, query: download.query },
  responses: download.responses,
});

export const listFiles = createRoute({
  method: 'get',
  path: '/exports/{id}/files',
  tags,
  summary: 'List the files',
  description: 'One, unless the order asked for several.',
  request: { params },
  responses: {
    200: { description: 'The files, in the order of their rows.', content: jsonContent(ExportFiles) },
    ...withoutFiles,
  },
});

export const downloadNamedFile = createRoute({
  method: 'get',
  path: '/exports/{id}/files/{name}',
  tags,
  summary: 'Download one of several files',
  description: 'As the download of an export with one file. `name` is that of the list of files.',
  security: download.security,
  request: {
    params: params.extend({
      name: z.string().openapi({ param: { name: 'name', in: 'path' }, example: 'flights-0001.csv.age' }),
    }),
    headers: download.headers,
    query: download.query,
  },
  responses: download.responses,
});

export const removeExport = createRoute({
  method: 'delete',
  path: '/exports/{id}',
  tags,
  summary: 'Cancel or delete an export',
  description:
    'Requests the cancellation of an active export, or deletes the files of an export that has ended. Idempotent.',
  request: { params },
  responses: {
    202: { description: 'The export is being cancelled.' },
    204: { description: 'The files have been deleted.' },
    ...problems('not_found', 'insufficient_scope', 'objects_unavailable', 'temporal_unavailable'),
  },
});

export const resubmitExport = createRoute({
  method: 'post',
  path: '/exports/{id}/resubmit',
  tags,
  summary: 'Request the same export again',
  request: { params },
  responses: {
    202: { description: 'The export has been accepted.', content: jsonContent(Accepted), headers: acceptedHeaders },
    ...problems('not_found', 'insufficient_scope', 'unknown_dataset', 'too_many_exports', 'temporal_unavailable'),
  },
});

export const revokeLinks = createRoute({
  method: 'delete',
  path: '/exports/{id}/links',
  tags,
  summary: 'Revoke the links of an export',
  description: 'Invalidates all links that have been issued for the export.',
  request: { params },
  responses: { 204: { description: 'The links are no longer valid.' }, ...problems('not_found', 'insufficient_scope') },
});
