import { createRoute, z } from '@hono/zod-openapi';
import { REQUESTS_ALIAS, REQUESTS_PATH } from '../../contracts/requests.ts';
import { ChangedAnswer, RealmsAnswer, RequestForm, RequestsAnswer } from '../../contracts/views/requests.ts';
import { textParameter } from '../http/query.ts';
import { binary, jsonContent } from '../openapi.ts';
import { requestProblems } from './errors.ts';

const tags = ['Requests'];
const ALSO = `Also available under \`${REQUESTS_ALIAS}\`.`;

/** Most requests in a page. */
const PAGE_SIZE_MAX = 1000;

/** Most requests that are deleted at once. */
const DELETED_MAX = 10_000;

const idPath = z.object({
  id: z.string().openapi({ param: { name: 'id', in: 'path' }, description: 'Number of the request.' }),
});

export const listRealms = createRoute({
  method: 'get',
  path: `${REQUESTS_PATH}/realms`,
  tags,
  summary: 'List what can be requested, with its fields',
  description: ALSO,
  request: {
    query: z.object({
      Bearer: textParameter({
        description: 'An API key or a token, for clients that send no header. Prefer the header.',
      }),
    }),
  },
  responses: { 200: { description: 'The realms.', content: jsonContent(RealmsAnswer) }, ...requestProblems() },
});

export const listRequests = createRoute({
  method: 'get',
  path: `${REQUESTS_PATH}/requests`,
  tags,
  summary: 'List the requests, the newest first',
  description: `The header \`Link\` leads to older ones. ${ALSO}`,
  request: {
    query: z.object({
      limit: z.coerce.number().int().min(1).max(PAGE_SIZE_MAX).optional(),
      before: z.coerce.number().int().min(1).optional().openapi({ description: 'Only requests with a smaller id.' }),
    }),
  },
  responses: { 200: { description: 'The requests.', content: jsonContent(RequestsAnswer) }, ...requestProblems() },
});

export const createRequest = createRoute({
  method: 'post',
  path: `${REQUESTS_PATH}/request`,
  tags,
  summary: 'Request a year of data at most',
  description: `It is fulfilled at once, or with the next batch of the deployment. ${ALSO}`,
  request: {
    body: {
      required: true,
      content: { 'application/x-www-form-urlencoded': { schema: RequestForm }, ...jsonContent(RequestForm) },
    },
  },
  responses: {
    200: { description: 'The request is submitted.', content: jsonContent(ChangedAnswer) },
    ...requestProblems(
      ...(['missing_field', 'duplicate_request', 'malformed_body', 'body_too_large'] as const),
      ...(['unsupported_media_type', 'insufficient_scope', 'temporal_unavailable'] as const),
    ),
  },
});

export const deleteRequest = createRoute({
  method: 'delete',
  path: `${REQUESTS_PATH}/request/{id}`,
  tags,
  summary: 'Delete a request and its file',
  description: ALSO,
  request: { params: idPath },
  responses: {
    200: { description: 'It is deleted.', content: jsonContent(ChangedAnswer) },
    ...requestProblems('insufficient_scope', 'not_found'),
  },
});

export const RequestIds = z.array(z.int().min(1)).min(1).max(DELETED_MAX);

export const deleteRequests = createRoute({
  method: 'delete',
  path: `${REQUESTS_PATH}/requests`,
  tags,
  summary: 'Delete several requests and their files, all or none',
  description: ALSO,
  request: { body: { required: true, content: jsonContent(RequestIds) } },
  responses: {
    200: { description: 'All are deleted.', content: jsonContent(ChangedAnswer) },
    ...requestProblems('malformed_body', 'unsupported_media_type', 'body_too_large', 'insufficient_scope', 'not_found'),
  },
});

export const downloadRequest = createRoute({
  method: 'get',
  path: `${REQUESTS_PATH}/download/{id}`,
  tags,
  summary: 'Download the file of a request',
  description: `A zip with the data file and README.txt, which has a line a field. ${ALSO}`,
  request: { params: idPath },
  responses: {
    200: {
      description: 'The zip, as an attachment.',
      content: { 'application/zip': { schema: binary } },
      headers: { 'Content-Disposition': { schema: { type: 'string' as const }, description: 'The file name.' } },
    },
    ...requestProblems('not_found', 'not_available', 'gone', 'objects_unavailable', 'object_damaged'),
  },
});
