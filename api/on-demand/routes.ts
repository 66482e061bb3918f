import { createRoute, z } from '@hono/zod-openapi';
import { Accepted, ExportList, ExportView, JobStatus, ListQuery, OrderBody } from '../../contracts/views/on-demand.ts';
import { problems } from '../http/problems.ts';

const tags = ['Exports'];
const params = z.object({
  id: z.string().openapi({
    param: { name: 'id', in: 'path' },
    description: 'A job id (percent-encoded base64, or the URL-safe alphabet), or the export id, a UUID.',
    example: '0b6b7229-1a2a-43c8-bc82-51782230b846',
  }),
});
const json = <Schema extends z.ZodType>(schema: Schema) => ({ 'application/json': { schema } });
const binary = z.string().openapi({ type: 'string', format: 'binary' });
/** As `mediaType` names them; sealed files and files opened on the way are octets or one of the others. */
const storedFile = {
  'text/csv': { schema: binary },
  'application/x-ndjson': { schema: binary },
  'application/gzip': { schema: binary },
  'application/zstd': { schema: binary },
  'application/vnd.apache.parquet': { schema: binary },
  'application/octet-stream': { schema: binary },
};

const acceptedHeaders = {
  Location: { schema: { type: 'string' as const }, description: 'Where the export can be asked for.' },
  'Retry-After': { schema: { type: 'integer' as const }, description: 'Seconds until asking makes sense.' },
};

export const createExport = createRoute({
  method: 'post',
  path: '/exports',
  tags,
  summary: 'Request an export',
  description:
    'The same request while an export of it runs answers with that export; after it has ended, a new one starts.',
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
            'A request that repeats a key within 24 hours gets the same export, also after it has ended. While the first ' +
            'is being worked on, a repetition waits up to six seconds, then gets 429 with Retry-After.',
        }),
    }),
    body: { required: true, content: json(OrderBody) },
  },
  responses: {
    202: { description: 'The export is under way.', content: json(Accepted), headers: acceptedHeaders },
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
  summary: 'Ask for one job, or list all exports',
  description: 'With `id`: the status of one job. Without: the exports of the tenant, newest first, page by page.',
  request: {
    query: ListQuery.extend({
      id: z.string().optional().openapi({ description: 'A job id; plus signs need not be escaped.' }),
    }),
  },
  responses: {
    200: {
      description: 'The job, or a page of exports.',
      content: json(z.union([JobStatus, ExportList])),
      headers: { Link: { schema: { type: 'string' }, description: 'The next page, with rel="next".' } },
    },
    ...problems('invalid_field', 'not_found'),
  },
});

export const showExport = createRoute({
  method: 'get',
  path: '/exports/{id}',
  tags,
  summary: 'Show an export',
  request: { params },
  responses: { 200: { description: 'The export.', content: json(ExportView) }, ...problems('not_found') },
});

export const watchExport = createRoute({
  method: 'get',
  path: '/exports/{id}/events',
  tags,
  summary: 'Watch an export',
  description:
    'Server-sent events: `progress` with the export as data whenever it changed, and `end` with the same once it has ' +
    'ended, after which the stream closes.',
  request: { params },
  responses: {
    200: { description: 'Events.', content: { 'text/event-stream': { schema: z.string() } } },
    ...problems('not_found'),
  },
});

export const downloadManifest = createRoute({
  method: 'get',
  path: '/exports/{id}/manifest',
  tags,
  summary: 'Download the manifest',
  request: { params },
  responses: {
    200: { description: 'The manifest, byte for byte as it is stored.', content: json(z.looseObject({})) },
    304: { description: 'It is the one that If-None-Match names.' },
    ...problems('not_found', 'not_ready', 'no_file', 'gone', 'objects_unavailable', 'object_damaged'),
  },
});

export const downloadFile = createRoute({
  method: 'get',
  path: '/exports/{id}/file',
  tags,
  summary: 'Download the file',
  description:
    'Streams the file as it is stored. One range, If-Range, If-Match, If-None-Match, If-Modified-Since and ' +
    'If-Unmodified-Since are honoured. With `x-private-key` a sealed file is opened on the way; then there are no ranges.',
  security: [{ bearer: [] }, { basic: [] }, { apiKey: [] }, {}],
  request: {
    params,
    headers: z.object({
      Range: z.string().optional().openapi({ example: 'bytes=0-1023' }),
      'x-private-key': z.string().optional().openapi({ description: 'age identity. Used once and kept nowhere.' }),
    }),
    query: z.object({
      expires: z.string().optional().openapi({ description: 'Of a signed link.' }),
      issued: z.string().optional().openapi({ description: 'Of a signed link.' }),
      signature: z.string().optional().openapi({ description: 'Of a signed link, which needs no credentials.' }),
    }),
  },
  responses: {
    200: { description: 'The file.', content: storedFile },
    206: { description: 'The range.', content: storedFile },
    304: { description: 'Not modified.' },
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
});

export const removeExport = createRoute({
  method: 'delete',
  path: '/exports/{id}',
  tags,
  summary: 'Cancel or delete an export',
  description: 'Running: asks it to cancel. Ended: deletes its files; again, it is 204 again.',
  request: { params },
  responses: {
    202: { description: 'It is being cancelled.' },
    204: { description: 'Its files are gone.' },
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
    202: { description: 'The export is under way.', content: json(Accepted), headers: acceptedHeaders },
    ...problems('not_found', 'insufficient_scope', 'unknown_dataset', 'too_many_exports', 'temporal_unavailable'),
  },
});

export const revokeLinks = createRoute({
  method: 'delete',
  path: '/exports/{id}/links',
  tags,
  summary: 'Revoke the links of an export',
  description: 'Every link that was issued before is void.',
  request: { params },
  responses: { 204: { description: 'They are void.' }, ...problems('not_found', 'insufficient_scope') },
});
