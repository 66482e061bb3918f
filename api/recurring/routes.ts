import { createRoute, z } from '@hono/zod-openapi';
import {
  AckAnswer,
  AckBody,
  ackPath,
  EXPORT_PATH,
  FULL_LOAD_PATH,
  FullLoadAnswer,
  FullLoadBody,
  RegisterBody,
  RegisteredAnswer,
  RegistrationsAnswer,
  RUNS_PATH,
  RunBody,
  RunStartedAnswer,
  RunsAnswer,
} from '../../contracts/views/recurring.ts';
import { flagParameter, textParameter } from '../http/query.ts';
import { jsonContent } from '../openapi.ts';
import { recurringProblems } from './errors.ts';

const tags = ['Recurring exports'];
const PAGE_SIZE_MAX = 200;

export const register = createRoute({
  method: 'post',
  path: EXPORT_PATH,
  tags,
  summary: 'Register entities for recurring exports',
  description:
    'Replaces the whole configuration: entities that the request leaves out become inactive. A new entity is delivered ' +
    'completely first, then by what has changed. Also available under `/v1/b2b/analytics/export`.',
  request: { body: { content: jsonContent(RegisterBody), required: true } },
  responses: {
    201: { description: 'The configuration is stored.', content: jsonContent(RegisteredAnswer) },
    ...recurringProblems('missing_field', 'insufficient_scope', 'not_found', 'temporal_unavailable'),
  },
});

export const showRegistration = createRoute({
  method: 'get',
  path: EXPORT_PATH,
  tags,
  summary: 'Show the registered entities',
  request: { query: z.object({ includeInactive: flagParameter({ description: 'Also those that are inactive.' }) }) },
  responses: {
    200: { description: 'The entities.', content: jsonContent(RegistrationsAnswer) },
    ...recurringProblems(),
  },
});

export const fullLoad = createRoute({
  method: 'post',
  path: FULL_LOAD_PATH,
  tags,
  summary: 'Load entities completely with the next run',
  description: 'Also available under `/v1/b2b/analytics/export-full-load`.',
  request: { body: { content: jsonContent(FullLoadBody), required: true } },
  responses: {
    200: { description: 'The next run loads them completely.', content: jsonContent(FullLoadAnswer) },
    ...recurringProblems('missing_field', 'insufficient_scope', 'not_found'),
  },
});

export const listRuns = createRoute({
  method: 'get',
  path: RUNS_PATH,
  tags,
  summary: 'List runs and their windows',
  request: {
    query: z.object({
      pageToken: textParameter({ description: 'Of the previous page.' }),
      pageSize: z.coerce.number().int().min(1).max(PAGE_SIZE_MAX).optional(),
    }),
  },
  responses: {
    200: { description: 'The runs, the newest first.', content: jsonContent(RunsAnswer) },
    ...recurringProblems(),
  },
});

export const startRun = createRoute({
  method: 'post',
  path: RUNS_PATH,
  tags,
  summary: 'Start a run, or make the files of a day again',
  description:
    'Without `day`: exports what has changed so far, into the directory of today; files of an earlier run of today are ' +
    'replaced by files that contain them. With `day`: makes that day’s files again, of the same windows.',
  request: { body: { content: jsonContent(RunBody), required: false } },
  responses: {
    202: { description: 'The run has been started.', content: jsonContent(RunStartedAnswer) },
    ...recurringProblems('insufficient_scope', 'not_found', 'temporal_unavailable'),
  },
});

export const acknowledgeRun = createRoute({
  method: 'post',
  path: ackPath('{id}'),
  tags,
  summary: 'Acknowledge the files of a run',
  description:
    'Compares what was received with the manifest of the run. A later acknowledgement replaces an earlier one.',
  request: {
    params: z.object({ id: z.string().openapi({ param: { name: 'id', in: 'path' }, description: 'Id of the run.' }) }),
    body: { content: jsonContent(AckBody), required: true },
  },
  responses: {
    200: { description: 'All entities were received as they were delivered.', content: jsonContent(AckAnswer) },
    ...recurringProblems(
      ...(['missing_field', 'insufficient_scope', 'not_found', 'ack_mismatch', 'gone'] as const),
      ...(['object_damaged', 'objects_unavailable'] as const),
    ),
  },
});
