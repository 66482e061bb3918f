import { createHash } from 'node:crypto';
import type { Info } from '@temporalio/activity';
import { MockActivityEnvironment } from '@temporalio/testing';
import { DefaultLogger } from '@temporalio/worker';
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { Dataset } from '../config/dataset.ts';
import type { Instant } from '../contracts/instant.ts';
import { CSV_DEFAULTS } from '../contracts/order.ts';
import type { WriteInput } from '../contracts/steps.ts';
import type { AttemptState } from '../stores/temporal/attempts.ts';
import { createTurns } from './turns.ts';
import { createWrite } from './write.ts';

const KEY = 'exports/acme/e1/rows-00000-e1-1-2.csv';

const ROWS: Dataset = {
  name: 'ROWS',
  title: 'Rows',
  sql: 'SELECT 1 AS id',
  tenantColumn: 'tenant',
  createdColumn: null,
  modifiedColumn: null,
  key: ['id'],
  columns: [],
  parameters: [],
  formats: ['csv'],
  deletedColumn: null,
  doors: ['on-demand'],
};

const INPUT: WriteInput = {
  ...{ runId: 'e1', workflowId: 'w', kind: 'on-demand', tenant: 'acme', recipients: [], round: 1 },
  snapshotAt: '2026-11-21T01:30:00.000000Z' as Instant,
  tasks: [
    {
      name: 'rows',
      content: {
        ...{ dataset: 'ROWS', window: null, parameters: {}, format: 'csv' },
        ...{ csv: CSV_DEFAULTS, columns: null, compression: 'none' },
      },
      part: { index: 0, slice: { from: null, to: null }, rows: 1, rowsHash: '0' },
    },
  ],
};

/** Runs the second attempt at a part. */
function attemptPart(world: {
  readonly state: AttemptState;
  readonly heartbeatTimeoutMs: number;
  /** Called when the object has appeared. */
  readonly appeared?: (environment: MockActivityEnvironment) => void;
}) {
  const stored = new Map<string, Buffer>();
  const environment = new MockActivityEnvironment(
    {
      attempt: 2,
      heartbeatTimeoutMs: world.heartbeatTimeoutMs,
      taskToken: Buffer.from('token'),
      workflowExecution: { workflowId: 'w', runId: 'e1' },
    } satisfies Partial<Info>,
    { logger: new DefaultLogger('ERROR') },
  );
  let asked = 0;
  const write = createWrite({
    catalog: { datasets: [ROWS], find: () => ROWS, bundles: [] },
    ledger: { runs: { find: async () => undefined } },
    warehouse: {
      vectors: () => {
        throw new Error('The order is CSV.');
      },
      read: () => ({
        sum: Promise.resolve({ rows: 1, rowsHash: '0' }),
        chunks: (async function* () {
          yield Buffer.from('id\n1\n');
        })(),
      }),
    },
    objects: {
      async write(key, source) {
        const body = Buffer.concat(await Array.fromAsync(source));
        stored.set(key, body);
        world.appeared?.(environment);
        return { bytes: body.length, sha256: createHash('sha256').update(body).digest('hex') };
      },
      async remove(keys) {
        for (const key of keys) stored.delete(key);
      },
      get: async () => undefined,
      async *read() {},
      abortUploadsOf: async () => 0,
    },
    attempts: {
      async find() {
        asked += 1;
        return world.state;
      },
    },
    turns: createTurns({ places: 1 }),
    logger: pino({ level: 'silent' }),
  });
  const result = environment.run(write, INPUT);
  return { result, stored, asked: () => asked };
}

describe('an attempt whose object has appeared', () => {
  it.each(['counts', 'unknown'] as const)('succeeds when Temporal says of it: %s', async (state) => {
    const { result, stored } = attemptPart({ state, heartbeatTimeoutMs: 0 });
    expect(await result).toMatchObject({ ok: true, value: [{ name: 'rows-00000-e1-1-2.csv', rows: 1 }] });
    expect([...stored.keys()]).toEqual([KEY]);
  });

  it('ends as cancelled, and removes the object, when it no longer counts', async () => {
    const { result, stored } = attemptPart({ state: 'over', heartbeatTimeoutMs: 0 });
    await expect(result).rejects.toMatchObject({ name: 'CancelledFailure' });
    expect([...stored.keys()]).toEqual([]);
  });

  it('does not ask within its heartbeat timeout: nobody can have given it up', async () => {
    const { result, stored, asked } = attemptPart({ state: 'over', heartbeatTimeoutMs: 60_000 });
    expect(await result).toMatchObject({ ok: true });
    expect(asked()).toBe(0);
    expect([...stored.keys()]).toEqual([KEY]);
  });

  it.each(['CANCELLED', 'TIMED_OUT', 'NOT_FOUND'] as const)(
    'removes it when the step is cancelled: %s',
    async (reason) => {
      const appeared = (environment: MockActivityEnvironment) => environment.cancel(reason);
      const { result, stored } = attemptPart({ state: 'counts', heartbeatTimeoutMs: 60_000, appeared });
      await expect(result).rejects.toMatchObject({ name: 'CancelledFailure' });
      expect([...stored.keys()]).toEqual([]);
    },
  );
});
