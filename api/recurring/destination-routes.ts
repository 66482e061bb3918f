import { createRoute } from '@hono/zod-openapi';
import {
  DestinationAnswer,
  DestinationBody,
  DestinationRemoved,
  DestinationTested,
} from '../../contracts/views/destination.ts';
import { jsonContent } from '../openapi.ts';
import { recurringProblems } from './errors.ts';

const tags = ['Push delivery'];
const path = '/export/destination';

export const putDestination = createRoute({
  method: 'put',
  path,
  tags,
  summary: 'Set where files are delivered',
  description:
    'Replaces the whole destination, credentials included. From the next run on, the files of every run are put there. ' +
    'Credentials are kept sealed and never shown.',
  request: { body: { content: jsonContent(DestinationBody), required: true } },
  responses: {
    200: { description: 'The destination is stored.', content: jsonContent(DestinationAnswer) },
    ...recurringProblems(
      ...(['missing_field', 'insufficient_scope', 'push_not_offered'] as const),
      ...(['destination_refused', 'destination_unavailable'] as const),
    ),
  },
});

export const showDestination = createRoute({
  method: 'get',
  path,
  tags,
  summary: 'Show the destination and its last delivery',
  responses: {
    200: { description: 'The destination.', content: jsonContent(DestinationAnswer) },
    ...recurringProblems('not_found'),
  },
});

export const removeDestination = createRoute({
  method: 'delete',
  path,
  tags,
  summary: 'Remove the destination',
  responses: {
    200: { description: 'Nothing is delivered any more.', content: jsonContent(DestinationRemoved) },
    ...recurringProblems('insufficient_scope'),
  },
});

export const testDestination = createRoute({
  method: 'post',
  path: `${path}/test`,
  tags,
  summary: 'Write and remove a file at the destination',
  responses: {
    200: { description: 'It works.', content: jsonContent(DestinationTested) },
    ...recurringProblems(
      ...(['insufficient_scope', 'not_found', 'push_not_offered', 'destination_refused'] as const),
      ...(['destination_login', 'destination_rejected', 'host_key_mismatch', 'destination_unavailable'] as const),
    ),
  },
});
