import { createRoute, z } from '@hono/zod-openapi';
import type { FailureCode } from '../../contracts/failures.ts';
import { ExportJob, StartJob } from '../../contracts/views/questionnaires.ts';
import { problems } from '../http/problems.ts';
import { textParameter } from '../http/query.ts';
import { binary, jsonContent } from '../openapi.ts';

const tags = ['Questionnaires'];
const ALSO = 'Also available under the name of a workspace, as in `/primary/api/v2/export`.';

/** Jobs in a list, unless the caller says otherwise, and at most. */
export const JOBS_MAX = 1000;

const idPath = z.object({
  id: z.string().openapi({ param: { name: 'id', in: 'path' }, description: 'Number of the job.' }),
});
const COMMON = [
  ...(['invalid_field', 'unauthenticated', 'outside_limits', 'rate_limited'] as const),
  ...(['ledger_unavailable', 'temporal_unavailable'] as const),
] satisfies readonly FailureCode[];

export const startJob = createRoute({
  method: 'post',
  path: '/api/v2/export',
  tags,
  summary: 'Make an archive of a questionnaire',
  description: `While the same one is being made, the answer is its job. ${ALSO}`,
  request: { body: { required: true, content: jsonContent(StartJob) } },
  responses: {
    201: {
      description: 'The archive is being made.',
      content: jsonContent(ExportJob),
      headers: { Location: { schema: { type: 'string' as const }, description: 'Address of the job.' } },
    },
    ...problems(
      ...COMMON,
      ...(['insufficient_scope', 'malformed_body', 'body_too_large', 'missing_field', 'invalid_date'] as const),
      ...(['too_many_exports', 'warehouse_unavailable'] as const),
    ),
    404: {
      description: '`Invalid questionnaire identity` or `Questionnaire not found`.',
      content: { 'text/plain': { schema: z.string() } },
    },
  },
});

export const listJobs = createRoute({
  method: 'get',
  path: '/api/v2/export',
  tags,
  summary: 'List jobs, the newest first',
  description: ALSO,
  request: {
    query: z.object({
      exportType: textParameter({ description: 'Only archives of this type, in any case.' }),
      interviewStatus: textParameter({
        description: 'Only archives of interviews of this status; All: of every status.',
      }),
      questionnaireIdentity: textParameter({ description: 'Only archives of this version of a questionnaire.' }),
      exportStatus: textParameter({ description: 'Only jobs of this status.' }),
      hasFile: textParameter({
        description: 'true or false, in any case: only jobs whose archive can be downloaded, or not.',
      }),
      limit: z.coerce.number().int().min(1).max(JOBS_MAX).optional(),
      offset: z.coerce.number().int().min(0).optional().openapi({ description: 'How many jobs are left out.' }),
    }),
  },
  responses: {
    200: { description: 'The jobs.', content: jsonContent(z.array(ExportJob)) },
    ...problems(...COMMON),
  },
});

export const showJob = createRoute({
  method: 'get',
  path: '/api/v2/export/{id}',
  tags,
  summary: 'Show a job',
  description: ALSO,
  request: { params: idPath },
  responses: { 200: { description: 'The job.', content: jsonContent(ExportJob) }, ...problems(...COMMON, 'not_found') },
});

export const removeJob = createRoute({
  method: 'delete',
  path: '/api/v2/export/{id}',
  tags,
  summary: 'Stop a job, or remove its archive',
  description: `A job that is stopped leaves the archive before. ${ALSO}`,
  request: { params: idPath },
  responses: {
    200: { description: 'The job as it is now.', content: jsonContent(ExportJob) },
    ...problems(...COMMON, 'insufficient_scope', 'not_found', 'objects_unavailable'),
  },
});

export const downloadJob = createRoute({
  method: 'get',
  path: '/api/v2/export/{id}/file',
  tags,
  summary: 'Download the archive of a job',
  description: `Until the next one replaces it. Ranges are served. ${ALSO}`,
  request: { params: idPath },
  responses: {
    200: { description: 'The archive, as an attachment.', content: { 'application/zip': { schema: binary } } },
    206: { description: 'A range of it.', content: { 'application/zip': { schema: binary } } },
    304: { description: 'The caller has it already.' },
    ...problems(...COMMON, 'precondition_failed', 'range_not_satisfiable', 'objects_unavailable', 'object_damaged'),
    404: { description: 'There is no such job, or it has no archive. Without a body.' },
  },
});
