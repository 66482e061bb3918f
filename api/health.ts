import { setTimeout as delay } from 'node:timers/promises';
import { createRoute, z } from '@hono/zod-openapi';
import type { Handler } from 'hono';
import type { ApiDeps, ApiEnv } from './deps.ts';
import { OUTAGE_RETRY_SECONDS, retryAfter } from './http/problems.ts';
import { jsonContent } from './openapi.ts';

const Health = z.object({ status: z.literal('ok') }).openapi('Health');
const part = z.enum(['up', 'down']);
const Readiness = z
  .object({ status: z.enum(['ready', 'not_ready']), parts: z.object({ ledger: part, objects: part, temporal: part }) })
  .openapi('Readiness');

export const healthRoute = createRoute({
  method: 'get',
  path: '/healthz',
  tags: ['Health'],
  summary: 'Check that the process is running',
  security: [],
  responses: { 200: { description: 'The process is running.', content: jsonContent(Health) } },
});

export const readyRoute = createRoute({
  method: 'get',
  path: '/readyz',
  tags: ['Health'],
  summary: 'Check that all required servers answer',
  security: [],
  responses: {
    200: { description: 'All servers answer.', content: jsonContent(Readiness) },
    503: {
      description: 'At least one server is down; the body shows which.',
      content: jsonContent(Readiness),
      headers: retryAfter,
    },
  },
});

/** How long a server may take to answer. Milliseconds. */
const PING_MS = 3000;
const SERVERS = ['ledger', 'objects', 'temporal'] as const;

export function healthHandler(): Handler<ApiEnv> {
  return (c) => c.json({ status: 'ok' });
}

/** Pings all servers at once. The response names the ones that are down and gives no details. */
export function readyHandler(deps: Pick<ApiDeps, (typeof SERVERS)[number]>): Handler<ApiEnv> {
  return async function answerReady(c) {
    const ping = async (name: (typeof SERVERS)[number]) => {
      try {
        await withinMs(deps[name].ping(), PING_MS);
        return [name, 'up'] as const;
      } catch (error) {
        c.get('logger').warn({ err: error, part: name }, 'a server does not answer');
        return [name, 'down'] as const;
      }
    };
    const states = await Promise.all(SERVERS.map(ping));
    const isReady = states.every(([, state]) => state === 'up');
    c.header('Cache-Control', 'no-store');
    if (!isReady) c.header('Retry-After', String(OUTAGE_RETRY_SECONDS));
    const status = isReady ? 'ready' : 'not_ready';
    return c.json({ status, parts: Object.fromEntries(states) }, isReady ? 200 : 503);
  };
}

async function withinMs(work: Promise<void>, ms: number): Promise<void> {
  const late = delay(ms, undefined, { ref: false }).then(() => {
    throw new Error(`No answer within ${ms} ms`);
  });
  await Promise.race([work, late]);
}
