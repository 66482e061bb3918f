import { createRoute, z } from '@hono/zod-openapi';
import type { Handler } from 'hono';
import type { ApiDeps, ApiEnv } from '../deps.ts';
import { OUTAGE_RETRY_SECONDS, retryAfter } from '../http/problems.ts';

const Health = z.object({ status: z.literal('ok') }).openapi('Health');
const part = z.enum(['up', 'down']);
const Readiness = z
  .object({ status: z.enum(['ready', 'not_ready']), parts: z.object({ ledger: part, objects: part, temporal: part }) })
  .openapi('Readiness');

export const healthRoute = createRoute({
  method: 'get',
  path: '/healthz',
  tags: ['Health'],
  summary: 'Whether the process runs',
  security: [],
  responses: { 200: { description: 'It does.', content: { 'application/json': { schema: Health } } } },
});

const readiness = { 'application/json': { schema: Readiness } };
export const readyRoute = createRoute({
  method: 'get',
  path: '/readyz',
  tags: ['Health'],
  summary: 'Whether the servers it needs answer',
  security: [],
  responses: {
    200: { description: 'All of them.', content: readiness },
    503: { description: 'Not all; the body names those that are down.', content: readiness, headers: retryAfter },
  },
});

/** One that has not answered after this is down. */
const PING_MS = 3000;

export function healthHandler(): Handler<ApiEnv> {
  return (c) => c.json({ status: 'ok' });
}

/** Asks all servers at once; names which are down and nothing more. */
export function readyHandler(deps: Pick<ApiDeps, 'ledger' | 'objects' | 'temporal'>): Handler<ApiEnv> {
  return async function answerReady(c) {
    const look = async (name: string, ping: () => Promise<void>) => {
      try {
        await withinMs(ping(), PING_MS);
        return 'up';
      } catch (error) {
        c.get('logger').warn({ err: error, part: name }, 'a server does not answer');
        return 'down';
      }
    };
    const [ledger, objects, temporal] = await Promise.all([
      look('ledger', () => deps.ledger.ping()),
      look('objects', () => deps.objects.ping()),
      look('temporal', () => deps.temporal.ping()),
    ]);
    const parts = { ledger, objects, temporal };
    const ready = Object.values(parts).every((state) => state === 'up');
    c.header('Cache-Control', 'no-store');
    if (!ready) c.header('Retry-After', String(OUTAGE_RETRY_SECONDS));
    return c.json({ status: ready ? 'ready' : 'not_ready', parts }, ready ? 200 : 503);
  };
}

async function withinMs(work: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`No answer within ${ms} ms`)), ms);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
