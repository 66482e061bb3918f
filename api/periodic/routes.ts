import { createRoute, z } from '@hono/zod-openapi';
import {
  DisabledAnswer,
  EnabledAnswer,
  GENERATION_HEADER,
  PeriodicView,
  SNAPSHOT_HEADER,
} from '../../contracts/views/periodic.ts';
import { problems } from '../http/problems.ts';
import { DisableQuery, DownloadQuery, EnableRequest, fileQuery, KeyHeader, OwnQuery, RotateRequest } from './input.ts';

const tags = ['Periodic exports'];
const json = <Schema extends z.ZodType>(schema: Schema) => ({ 'application/json': { schema } });
const binary = z.string().openapi({ type: 'string', format: 'binary' });

const generationHeaders = {
  [GENERATION_HEADER]: {
    schema: { type: 'string' as const, format: 'uuid' },
    description: 'The generation that it is of. Files of one generation belong together.',
  },
  [SNAPSHOT_HEADER]: {
    schema: { type: 'string' as const, format: 'date-time' },
    description: 'The moment that the generation was read at.',
  },
};
const downloadHeaders = {
  'Content-Disposition': { schema: { type: 'string' as const }, description: 'The name of the file.' },
  ...generationHeaders,
};
const contentLength = {
  'Content-Length': { schema: { type: 'integer' as const }, description: 'Size of the file in bytes.' },
};
const DOWNLOAD_PROBLEMS = [
  'missing_field',
  'invalid_field',
  'unknown_file_type',
  'wrong_key',
  'foreign_organisation',
  'not_enabled',
  'not_produced',
  'objects_unavailable',
  'object_damaged',
] as const;
const KEY_PROBLEMS = [
  'malformed_body',
  'invalid_field',
  'unknown_field',
  'invalid_recipient',
  'unsupported_media_type',
  'body_too_large',
  'insufficient_scope',
  'foreign_organisation',
] as const;

export const showPeriodic = createRoute({
  method: 'get',
  path: '/dataexport',
  tags,
  summary: 'Show the periodic exports',
  description:
    'Settings, the last and the next run, and the files that can be downloaded. Answers also when never enabled.',
  request: { query: OwnQuery },
  responses: {
    200: { description: 'How things stand.', content: json(PeriodicView) },
    ...problems('invalid_field', 'foreign_organisation', 'objects_unavailable', 'object_damaged'),
  },
});

export const enablePeriodic = createRoute({
  method: 'post',
  path: '/dataexport/enable',
  tags,
  summary: 'Enable periodic exports',
  description:
    'All files are produced now and then every night, sealed to a key that is in this answer and nowhere else. The body ' +
    'may be left out. After a plain disable this goes on with the recipient and the files that were kept.',
  request: { query: OwnQuery, body: { required: false, content: json(EnableRequest) } },
  responses: {
    200: { description: 'Enabled. Keep the private key.', content: json(EnabledAnswer) },
    ...problems(...KEY_PROBLEMS, 'not_found', 'already_enabled', 'recipient_kept', 'temporal_unavailable'),
  },
});

export const rotatePeriodic = createRoute({
  method: 'post',
  path: '/dataexport/rotate',
  tags,
  summary: 'Replace the key',
  description: 'The old key opens nothing from here on: files that it opens are removed, and a run makes new ones.',
  request: { query: OwnQuery, body: { required: false, content: json(RotateRequest) } },
  responses: {
    200: { description: 'Replaced. Keep the private key.', content: json(EnabledAnswer) },
    ...problems(...KEY_PROBLEMS, 'not_enabled'),
  },
});

export const disablePeriodic = createRoute({
  method: 'post',
  path: '/dataexport/disable',
  tags,
  summary: 'Disable periodic exports',
  description:
    'Stops the runs; files and key stay. With `deleteSettings=true` the files are gone when the answer comes, and the ' +
    'key is void. Also 200 when nothing was enabled.',
  request: { query: DisableQuery },
  responses: {
    200: { description: 'Disabled.', content: json(DisabledAnswer) },
    ...problems(
      'invalid_field',
      'insufficient_scope',
      'foreign_organisation',
      'settings_busy',
      'temporal_unavailable',
      'objects_unavailable',
    ),
  },
});

/** @param files names of the files that are offered */
export const downloadPeriodic = (files: readonly string[]) =>
  createRoute({
    method: 'get',
    path: '/dataexport/download',
    tags,
    summary: 'Download one file',
    description:
      'Opened on the way with your private key, which is kept nowhere. CSV has a header line; JSON is one array of objects.',
    request: { headers: KeyHeader, query: fileQuery(files) },
    responses: {
      200: {
        description: 'The file, as an attachment.',
        content: {
          'text/csv': { schema: binary },
          'application/json': { schema: z.array(z.record(z.string(), z.unknown())) },
          'application/octet-stream': { schema: binary },
        },
        headers: { ...downloadHeaders, ...contentLength },
      },
      ...problems('unknown_file', ...DOWNLOAD_PROBLEMS),
    },
  });

export const downloadAllPeriodic = createRoute({
  method: 'get',
  path: '/dataexport/downloadAll',
  tags,
  summary: 'Download all files',
  description: 'One zip with every file of one generation, named `<file>.<fileType>`, without folders.',
  request: { headers: KeyHeader, query: DownloadQuery },
  responses: {
    200: {
      description: 'The zip, as an attachment.',
      content: { 'application/zip': { schema: binary } },
      headers: downloadHeaders,
    },
    ...problems(...DOWNLOAD_PROBLEMS),
  },
});

export const periodicManifest = createRoute({
  method: 'get',
  path: '/dataexport/manifest',
  tags,
  summary: 'Download the manifest',
  description:
    'What the generation that downloads are of is made of: rows of every file, size and SHA-256 of every stored object, ' +
    'the moment that all were read at. Needs no key. `waybill verify` checks files against it.',
  request: { query: OwnQuery },
  responses: {
    200: {
      description: 'The manifest, byte for byte as it is stored.',
      content: json(z.looseObject({})),
      headers: generationHeaders,
    },
    ...problems(
      'invalid_field',
      'foreign_organisation',
      'not_enabled',
      'not_produced',
      'objects_unavailable',
      'object_damaged',
    ),
  },
});
