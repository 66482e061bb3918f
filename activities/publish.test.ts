import { MockActivityEnvironment } from '@temporalio/testing';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import type { Instant } from '../contracts/instant.ts';
import { manifestKey, runPrefix } from '../contracts/keys.ts';
import { CSV_DEFAULTS, orderedRun } from '../contracts/order.ts';
import type { PublishInput } from '../contracts/steps.ts';
import { createPublish } from './publish.ts';

const RUN = {
  runId: '0b2f1a52-6f0e-4a0c-9a36-3a9d8d0f3c11',
  workflowId: 'w',
  kind: 'on-demand',
  tenant: 'acme',
} as const;
const PREFIX = runPrefix(RUN);
const NOW = '2026-11-21T07:00:00.000000Z' as Instant;
const PART = {
  name: 'networks-00000-abc-1-1.csv',
  rows: 1,
  bytes: 5,
  sha256: '0'.repeat(64),
  contentBytes: 5,
  contentSha256: null,
};

const INPUT: PublishInput = {
  ...RUN,
  order: orderedRun({
    ...{ tenant: 'acme', dataset: 'NETWORKS', window: { from: NOW, to: NOW, bounds: 'inclusive' }, parameters: {} },
    ...{ format: 'csv', csv: CSV_DEFAULTS, columns: null, compression: 'none', recipients: [], keepDays: 1 },
  }),
  plan: {
    snapshotAt: NOW,
    files: [
      {
        columns: [],
        rows: 1,
        parts: [{ index: 0, slice: { from: null, to: null }, rows: 1, rowsHash: '0' }],
      },
    ],
  },
  written: [{ name: 'networks', format: 'csv', index: 0, part: PART }],
  createdAt: '2026-11-21T07:00:00.000Z',
  expiresAt: '2026-11-22T07:00:00.000Z',
};

it('an export is published although objects of lost attempts cannot be removed, which the reconciler will', async () => {
  const stored = new Map([
    [`${PREFIX}${PART.name}`, PART.bytes],
    [`${PREFIX}networks-00000-old-1-1.csv`, 3],
  ]);
  const noted: unknown[] = [];
  const publish = createPublish({
    objects: {
      async *list(prefix: string) {
        for (const [key, bytes] of stored) if (key.startsWith(prefix)) yield { key, bytes, modifiedAt: new Date(0) };
      },
      async put(key: string, body: Uint8Array) {
        stored.set(key, body.byteLength);
      },
      async *read() {},
      abortUploadsOf: async () => 0,
      async remove() {
        throw new Error('the store does not answer');
      },
    },
    ledger: {
      runs: {
        find: async () => undefined,
        async noteAttempted(...call) {
          noted.push(call);
        },
      },
    },
    end: async () => ({ recorded: true }),
    signer: null,
    logger: pino({ level: 'silent' }),
  });
  const result = await new MockActivityEnvironment().run(publish, INPUT);
  expect(result).toMatchObject({ ok: true, value: { rows: 1, bytes: 5 } });
  expect(stored.has(manifestKey(PREFIX))).toBe(true);
  expect(noted).toEqual([[RUN.runId, []]]);
});
