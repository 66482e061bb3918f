import { z } from 'zod';
import { WEBHOOK_EVENTS, WEBHOOK_FAILURES, WEBHOOK_STATES } from '../webhook.ts';

export const WEBHOOKS_PATH = '/webhooks';

const URL_LENGTH_MAX = 2000;

/** An address that events are sent to. Whether the operator allows it is found out when it is looked up. */
export const webhookUrl = z
  .url({ protocol: /^https?$/, error: 'Should be an https:// address.' })
  .max(URL_LENGTH_MAX, `Should have at most ${URL_LENGTH_MAX} characters.`)
  .refine((text) => {
    const url = URL.parse(text);
    return !url || url.username + url.password + url.hash === '';
  }, 'Should have no user, password or fragment.');

const time = z.string().meta({ example: '2026-11-21T01:30:00.000Z' });

export const WebhookBody = z
  .strictObject({
    url: webhookUrl.nullable().default(null).meta({
      description: 'Where events are sent; `null`: only to the `callbackUrl` of orders.',
      example: 'https://example.com/waybill',
    }),
    events: z
      .array(z.enum(WEBHOOK_EVENTS, `Should be one of ${WEBHOOK_EVENTS.join(', ')}.`))
      .min(1, 'Should name at least one event.')
      .max(WEBHOOK_EVENTS.length)
      .default([...WEBHOOK_EVENTS])
      .meta({ description: 'Events that are sent to `url`.' }),
  })
  .meta({ id: 'WebhookRequest' });

const WebhookView = z.object({
  url: z.string().nullable(),
  events: z.array(z.enum(WEBHOOK_EVENTS)),
  changedAt: time,
  disabledAt: time.nullable().meta({
    description: 'Since when `url` gets nothing, because it answered 410; setting it again enables it.',
  }),
  previousSecretUntil: time
    .nullable()
    .meta({ description: 'Until when events are signed with the previous secret too.' }),
});

export const WebhookAnswer = z.object({ webhook: WebhookView }).meta({ id: 'Webhook' });

export const WebhookSecret = z
  .object({
    webhook: WebhookView,
    secret: z.string().nullable().meta({
      description: 'Verifies signatures. Shown this once; `null`: it is the one that there was.',
      example: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    }),
  })
  .meta({ id: 'WebhookWithSecret' });

export const WebhookRemoved = z.object({ removed: z.boolean() }).meta({ id: 'WebhookRemoved' });

const explained = { code: z.string(), message: z.string() };
const ofDataset = z.object({ dataset: z.string(), ...explained });

/** The body of an event, for the OpenAPI document. Receivers ignore fields that they do not know. */
export const WebhookEventBody = z
  .object({
    type: z.enum(WEBHOOK_EVENTS),
    timestamp: time.meta({ description: 'When it happened.' }),
    data: z.object({
      tenant: z.string(),
      kind: z.string().meta({ description: '`on-demand`, `periodic`, `recurring`; later ones may follow.' }),
      exportId: z.uuid().nullable().meta({ description: 'The run; `null`: it belongs to none.' }),
      number: z.number().int().optional(),
      jobId: z.string().optional(),
      dataset: z.string().optional(),
      format: z.string().optional(),
      window: z
        .object({ from: z.string(), to: z.string() })
        .optional()
        .meta({ description: 'Both ends are included.' }),
      day: z.string().optional(),
      snapshotAt: z.string().nullish(),
      files: z.number().int().nullish(),
      rows: z.number().int().nullish(),
      bytes: z.number().int().nullish(),
      manifestSha256: z.string().nullish(),
      expiresAt: z.string().nullish(),
      delivered: z
        .array(
          z.object({
            dataset: z.string(),
            load: z.enum(['complete', 'delta']),
            window: z.object({ from: z.string().nullable(), to: z.string() }),
            rows: z.number().int().nullable(),
          }),
        )
        .optional(),
      missing: z.array(ofDataset).optional(),
      held: z.array(ofDataset).optional(),
      failure: z.object(explained).optional(),
      failingSince: z.string().optional(),
      links: z.object({ status: z.string().optional(), manifest: z.string().optional() }),
    }),
  })
  .meta({ id: 'WebhookEvent' });

const failure = z.enum(WEBHOOK_FAILURES);

export const WebhookTested = z
  .object({
    delivered: z.boolean().meta({ description: 'Whether it was answered with 2xx.' }),
    status: z.number().int().nullable().meta({ description: 'HTTP status of the answer; `null`: there was none.' }),
    error: failure.nullable(),
    message: z.string(),
    milliseconds: z.number().int().min(0),
  })
  .meta({ id: 'WebhookTested' });

export const WebhookDeliveries = z
  .object({
    deliveries: z.array(
      z.object({
        id: z
          .string()
          .meta({ description: '`webhook-id` of the requests.', example: 'evt_0b6b72291a2a43c8bc8251782230b846' }),
        type: z.enum(WEBHOOK_EVENTS),
        exportId: z.uuid().nullable(),
        target: z.enum(['url', 'callbackUrl']),
        host: z.string().nullable().meta({ description: 'Of a `callbackUrl`.' }),
        state: z.enum(WEBHOOK_STATES).meta({
          description:
            '`failed`: given up after a day; `skipped`: the webhook was removed, disabled or not needed any more.',
        }),
        attempts: z.number().int().min(0),
        lastStatus: z.number().int().nullable(),
        lastError: failure.nullable(),
        createdAt: time,
        lastAttemptAt: time.nullable(),
        nextAttemptAt: time.nullable(),
      }),
    ),
  })
  .meta({ id: 'WebhookDeliveries' });
export type WebhookDelivery = z.infer<typeof WebhookDeliveries>['deliveries'][number];
