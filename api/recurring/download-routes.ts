import { createRoute, z } from '@hono/zod-openapi';
import { PUBLIC_KEYS_PATH } from '../../contracts/envelope.ts';
import { runManifestPath } from '../../contracts/views/recurring.ts';
import { jsonContent, storedFileContent } from '../openapi.ts';
import { envelopeContent } from '../runs/envelope.ts';
import { recurringProblems } from './errors.ts';

const tags = ['Recurring exports'];
const id = z.string().openapi({ param: { name: 'id', in: 'path' }, description: 'Id of the run.' });
const params = z.object({ id });
const refusals = ['not_found', 'gone', 'objects_unavailable', 'object_damaged'] as const;

export const runManifest = createRoute({
  method: 'get',
  path: runManifestPath('{id}'),
  tags,
  summary: 'Download the manifest of a run',
  request: { params },
  responses: {
    200: { description: 'The manifest, exactly as stored.', content: jsonContent(z.looseObject({})) },
    304: { description: 'The manifest matches If-None-Match.' },
    ...recurringProblems(...refusals),
  },
});

export const runSignature = createRoute({
  method: 'get',
  path: `${runManifestPath('{id}')}/signature`,
  tags,
  summary: 'Download the signed manifest of a run',
  description: `A DSSE envelope with the manifest and its signature. The public keys are at \`${PUBLIC_KEYS_PATH}\`.`,
  request: { params },
  responses: { 200: { description: 'The envelope.', content: envelopeContent }, ...recurringProblems(...refusals) },
});

export const runFile = createRoute({
  method: 'get',
  path: '/export/runs/{id}/files/{file}',
  tags,
  summary: 'Download a file of a run',
  description:
    'Streams the file as delivered. Supports a single range, If-Range, If-Match, If-None-Match, If-Modified-Since and ' +
    'If-Unmodified-Since.',
  request: {
    params: z.object({
      id,
      file: z.string().openapi({
        param: { name: 'file', in: 'path' },
        description: 'Its name in the manifest: `file`.',
        example: 'user.csv',
      }),
    }),
    headers: z.object({ Range: z.string().optional().openapi({ example: 'bytes=0-1023' }) }),
  },
  responses: {
    200: { description: 'The file.', content: storedFileContent },
    206: { description: 'The requested range.', content: storedFileContent },
    304: { description: 'The file has not been modified.' },
    ...recurringProblems(...refusals, 'precondition_failed', 'range_not_satisfiable'),
  },
});
