import { createRoute, z } from '@hono/zod-openapi';
import type { FailureCode } from '../../contracts/failures.ts';
import { ARCHIVE_TYPES } from '../../contracts/questionnaires.ts';
import {
  DetailsAnswer,
  QuestionnairesAnswer,
  StartAnswer,
  StatusesAnswer,
} from '../../contracts/views/questionnaires.ts';
import { problems } from '../http/problems.ts';
import { textParameter } from '../http/query.ts';
import { binary, jsonContent } from '../openapi.ts';

const tags = ['Questionnaires'];

/** Versions in a page, unless the caller says otherwise, and at most. */
export const PAGE_SIZE = 100;
const PAGE_SIZE_MAX = 1000;

const params = z.object({
  type: z.string().openapi({
    param: { name: 'type', in: 'path' },
    description: `${ARCHIVE_TYPES.join(', ')}, in any case.`,
    example: 'tabular',
  }),
  id: z.string().openapi({
    param: { name: 'id', in: 'path' },
    description: 'GUID of the questionnaire, with or without dashes, `$` and its version.',
    example: '74e2d30854914e24af6beae9be64130c$1',
  }),
});
const query = z.object({
  status: textParameter({ description: 'Only interviews of this status.' }),
  from: textParameter({ description: 'Only interviews that changed last at this time or later, ISO 8601.' }),
  to: textParameter({ description: 'Only interviews that changed last at this time or before, ISO 8601.' }),
});
const request = { params, query };

const NOT_THERE = {
  404: {
    description: '`Unknown export type`, `Invalid questionnaire identity` or `Questionnaire not found`.',
    content: { 'text/plain': { schema: z.string() } },
  },
};
const WAREHOUSE = [
  ...(['invalid_field', 'invalid_date', 'unauthenticated', 'outside_limits', 'rate_limited'] as const),
  ...(['ledger_unavailable', 'temporal_unavailable', 'warehouse_unavailable'] as const),
] satisfies readonly FailureCode[];

export const startArchive = createRoute({
  method: 'post',
  path: '/api/v1/export/{type}/{id}/start',
  tags,
  summary: 'Make an archive of a questionnaire',
  description:
    'While one is being made, the answer is its number. The archive before stays until the new one is complete. ' +
    'The filters are part of what an archive is: each combination has its own.',
  request,
  responses: {
    200: { description: 'The archive is being made.', content: jsonContent(StartAnswer) },
    ...problems(...WAREHOUSE, 'insufficient_scope', 'too_many_exports'),
    ...NOT_THERE,
  },
});

export const cancelArchive = createRoute({
  method: 'post',
  path: '/api/v1/export/{type}/{id}/cancel',
  tags,
  summary: 'Stop making an archive',
  description: 'The archive before stays. Nothing happens if none is being made.',
  request,
  responses: {
    200: { description: 'None is being made.' },
    ...problems(...WAREHOUSE, 'insufficient_scope'),
    ...NOT_THERE,
  },
});

export const archiveDetails = createRoute({
  method: 'get',
  path: '/api/v1/export/{type}/{id}/details',
  tags,
  summary: 'Show whether there is an archive, and whether one is being made',
  request,
  responses: {
    200: { description: 'Its state.', content: jsonContent(DetailsAnswer) },
    ...problems(...WAREHOUSE),
    ...NOT_THERE,
  },
});

export const downloadArchive = createRoute({
  method: 'get',
  path: '/api/v1/export/{type}/{id}',
  tags,
  summary: 'Download the archive',
  description: 'The newest complete one. Ranges are served.',
  request,
  responses: {
    200: { description: 'The archive, as an attachment.', content: { 'application/zip': { schema: binary } } },
    206: { description: 'A range of it.', content: { 'application/zip': { schema: binary } } },
    304: { description: 'The caller has it already.' },
    ...problems(...WAREHOUSE, 'precondition_failed', 'range_not_satisfiable', 'objects_unavailable', 'object_damaged'),
    404: { ...NOT_THERE[404], description: `${NOT_THERE[404].description} Without a body: there is no archive.` },
  },
});

export const listQuestionnaires = createRoute({
  method: 'get',
  path: '/api/v1/questionnaires',
  tags,
  summary: 'List the versions of questionnaires',
  request: {
    query: z.object({
      limit: z.coerce.number().int().min(1).max(PAGE_SIZE_MAX).optional(),
      offset: z.coerce.number().int().min(1).optional().openapi({ description: 'Number of the page, from 1.' }),
    }),
  },
  responses: {
    200: { description: 'The versions, by title.', content: jsonContent(QuestionnairesAnswer) },
    ...problems(...WAREHOUSE),
  },
});

export const listStatuses = createRoute({
  method: 'get',
  path: '/api/v1/questionnaires/statuses',
  tags,
  summary: 'List the statuses of interviews that archives can be filtered by',
  responses: {
    200: { description: 'The statuses.', content: jsonContent(StatusesAnswer) },
    ...problems('unauthenticated', 'outside_limits', 'rate_limited', 'ledger_unavailable'),
  },
});
