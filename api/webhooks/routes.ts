import { createRoute, z } from '@hono/zod-openapi';
import {
  WEBHOOKS_PATH as path,
  WebhookAnswer,
  WebhookBody,
  WebhookDeliveries,
  WebhookEventBody,
  WebhookRemoved,
  WebhookSecret,
  WebhookTested,
} from '../../contracts/views/webhooks.ts';
import { WEBHOOK_EVENTS } from '../../contracts/webhook.ts';
import { problems } from '../http/problems.ts';
import { jsonContent } from '../openapi.ts';

const tags = ['Webhooks'];
const DELIVERIES_MAX = 200;

export const putWebhook = createRoute({
  method: 'put',
  path,
  tags,
  summary: 'Set where events are sent',
  description:
    'Sets address and events, and enables the webhook again. The first time, the answer has the secret that verifies ' +
    'signatures; later ones keep it. Events are signed as in Standard Webhooks.',
  request: { body: { content: jsonContent(WebhookBody), required: true } },
  responses: {
    200: { description: 'The webhook is stored.', content: jsonContent(WebhookSecret) },
    ...problems(
      ...(['malformed_body', 'missing_field', 'unsupported_media_type', 'body_too_large'] as const),
      ...(['insufficient_scope', 'webhooks_not_offered', 'webhook_refused', 'webhook_unavailable'] as const),
    ),
  },
});

export const showWebhook = createRoute({
  method: 'get',
  path,
  tags,
  summary: 'Show where events are sent',
  responses: {
    200: { description: 'The webhook, without its secret.', content: jsonContent(WebhookAnswer) },
    ...problems('not_found'),
  },
});

export const removeWebhook = createRoute({
  method: 'delete',
  path,
  tags,
  summary: 'Remove the webhook and its secret',
  description: 'Nothing is sent any more, to the `callbackUrl` of orders neither. Idempotent.',
  responses: {
    200: { description: 'It is removed.', content: jsonContent(WebhookRemoved) },
    ...problems('insufficient_scope'),
  },
});

export const testWebhook = createRoute({
  method: 'post',
  path: `${path}/test`,
  tags,
  summary: 'Send a test event and wait for the answer',
  description: 'Sends one signed event of type `webhook.test`, once, and says how it was answered within 15 seconds.',
  responses: {
    200: { description: 'What the receiver did.', content: jsonContent(WebhookTested) },
    ...problems('insufficient_scope', 'not_found', 'webhooks_not_offered'),
  },
});

export const rotateWebhook = createRoute({
  method: 'post',
  path: `${path}/rotate`,
  tags,
  summary: 'Replace the secret',
  description: 'For 24 hours, events are signed with the previous secret too.',
  responses: {
    200: { description: 'The new secret, shown this once.', content: jsonContent(WebhookSecret) },
    ...problems('insufficient_scope', 'not_found', 'webhooks_not_offered'),
  },
});

export const listDeliveries = createRoute({
  method: 'get',
  path: `${path}/deliveries`,
  tags,
  summary: 'List events and how they were answered',
  description: 'Of the last 30 days, those of `callbackUrl` included, the newest first.',
  request: { query: z.object({ limit: z.coerce.number().int().min(1).max(DELIVERIES_MAX).default(50) }) },
  responses: {
    200: { description: 'The events.', content: jsonContent(WebhookDeliveries) },
    ...problems('invalid_field'),
  },
});

/** What is sent to tenants, for the OpenAPI document. */
export const sentEvents = WEBHOOK_EVENTS.map((type) => ({
  ...{ method: 'post' as const, path: type, tags, security: [], summary: `Sent for ${type}` },
  description: 'Signed as in Standard Webhooks.',
  request: {
    headers: z.object({
      'webhook-id': z.string().openapi({ description: 'The same for each attempt.' }),
      'webhook-timestamp': z.string().openapi({ description: 'Seconds since 1970.' }),
      'webhook-signature': z.string().openapi({ description: 'One or several `v1,<base64>`, separated by spaces.' }),
    }),
    body: { content: jsonContent(WebhookEventBody) },
  },
  responses: { '2XX': { description: 'The event is stored.' }, 410: { description: 'Send nothing any more.' } },
}));
