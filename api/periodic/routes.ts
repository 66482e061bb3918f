import { createRoute, z } from '@hono/zod-openapi';
import { PUBLIC_KEYS_PATH } from '../../contracts/envelope.ts';
import {
  DisabledAnswer,
  EnabledAnswer,
  GENERATION_HEADER,
  PeriodicView,
  SNAPSHOT_HEADER,
} from '../../contracts/views/periodic.ts';
import { problems } from '../http/problems.ts';
import { binary, jsonContent } from '../openapi.ts';
import { envelopeContent } from '../runs/envelope.ts';
import { DisableQuery, DownloadQuery, EnableRequest, fileQuery, KeyHeader, OwnQuery, RotateRequest } from './input.ts';

const tags = ['Periodic exports'];

const generationHeaders = {
  [GENERATION_HEADER]: {
    schema: { type: 'string' as const, format: 'uuid' },
    description: 'The id of the generation. Files of the same generation are consistent with each other.',
  },
  [SNAPSHOT_HEADER]: {
    schema: { type: 'string' as const, format: 'date-time' },
    description: 'The snapshot time of the generation.',
  },
};
const downloadHeaders = {
  'Content-Disposition': { schema: { type: 'string' as const }, description: 'The file name.' },
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
  'key_in_address',
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
    'The settings, the last and the next run, and the files available for download. Also works if periodic exports were ' +
    'never enabled.',
  request: { query: OwnQuery },
  responses: {
    200: { description: 'The current status.', content: jsonContent(PeriodicView) },
    ...problems('invalid_field', 'foreign_organisation', 'objects_unavailable', 'object_damaged'),
  },
});

export const enablePeriodic = createRoute({
  method: 'post',
  path: '/dataexport/enable',
  tags,
  summary: 'Enable periodic exports',
  description:
    'All files are produced immediately and then every night, sealed to a key that is only in this response and is not ' +
    'stored. The body is optional. After a disable without `deleteSettings`, this resumes with the previous recipient and ' +
    'files.',
  request: { query: OwnQuery, body: { required: false, content: jsonContent(EnableRequest) } },
  responses: {
    200: { description: 'Enabled. Store the private key.', content: jsonContent(EnabledAnswer) },
    ...problems(...KEY_PROBLEMS, 'not_found', 'already_enabled', 'recipient_kept', 'temporal_unavailable'),
  },
});

export const rotatePeriodic = createRoute({
  method: 'post',
  path: '/dataexport/rotate',
  tags,
  summary: 'Replace the key',
  description: 'Invalidates the previous key: its files are removed, and a run produces new ones.',
  request: { query: OwnQuery, body: { required: false, content: jsonContent(RotateRequest) } },
  responses: {
    200: { description: 'Replaced. Store the private key.', content: jsonContent(EnabledAnswer) },
    ...problems(...KEY_PROBLEMS, 'not_enabled'),
  },
});

export const disablePeriodic = createRoute({
  method: 'post',
  path: '/dataexport/disable',
  tags,
  summary: 'Disable periodic exports',
  description:
    'Stops the runs and keeps the files and the key. With `deleteSettings=true`, all files are deleted before the response ' +
    'and the key becomes invalid. Also 200 if periodic exports were not enabled.',
  request: { query: DisableQuery },
  responses: {
    200: { description: 'Disabled.', content: jsonContent(DisabledAnswer) },
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

/** @param files names of the offered files */
export const downloadPeriodic = (files: readonly string[]) =>
  createRoute({
    method: 'get',
    path: '/dataexport/download',
    tags,
    summary: 'Download one file',
    description:
      'Decrypted during the download with your private key, which is not stored. CSV has a header line; JSON is an array ' +
      'of objects.',
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
  description: 'A zip of all files of one generation, named `<file>.<fileType>`, without folders.',
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

export const periodicSignature = createRoute({
  method: 'get',
  path: '/dataexport/manifest/signature',
  tags,
  summary: 'Download the signed manifest',
  description:
    'A DSSE envelope with the manifest of the current generation and its signature. The public keys are at ' +
    `\`${PUBLIC_KEYS_PATH}\`.`,
  request: { query: OwnQuery },
  responses: {
    200: { description: 'The envelope.', content: envelopeContent, headers: generationHeaders },
    ...problems(
      'invalid_field',
      'foreign_organisation',
      'not_enabled',
      'not_produced',
      'not_found',
      'objects_unavailable',
      'object_damaged',
    ),
  },
});

export const periodicManifest = createRoute({
  method: 'get',
  path: '/dataexport/manifest',
  tags,
  summary: 'Download the manifest',
  description:
    'The manifest of the current generation: the rows of each file, the size and SHA-256 of each stored object, and the ' +
    'snapshot time. Does not require a key. `waybill verify` checks files against it.',
  request: { query: OwnQuery },
  responses: {
    200: {
      description: 'The manifest, exactly as stored.',
      content: jsonContent(z.looseObject({})),
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
