import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exportPrefix, manifestKey } from '../contracts/keys.ts';
import { keysBelow, openBucket } from './bucket.ts';
import { ALWAYS, createDoorClient, type DoorClient } from './door.ts';
import { type OwnStack, startOwnStack } from './own-stack.ts';

let stack: OwnStack;
let door: DoorClient;

beforeAll(async () => {
  stack = await startOwnStack({ WAYBILL_PART_ROWS: '500000' });
  door = createDoorClient(stack.urls.api, 'dreambuilder');
});

afterAll(() => stack?.stop());

/** Half of the flights: as CSV three parts, each of two uploads. */
const FLIGHTS = { ...ALWAYS, exportType: 'FLIGHTS', endDate: '2001-04-01' };
const FLIGHTS_ROWS = 1_477_911;

/** A request that writes a part of the export, or a part of its upload. */
const PART = /^PUT (\S+\/exports\/\S+-\d+\.)/;

/** Orders an export. @returns its id, once its worker is stopped at the store's gate in the middle of a part */
async function orderUntilUploading(order: Readonly<Record<string, unknown>>): Promise<string> {
  const uploading = stack.gate.holdAt(PART);
  const id = await door.order(order);
  await uploading;
  return id;
}

async function contentHash(id: string): Promise<string> {
  return createHash('sha256')
    .update(await door.file(id))
    .digest('hex');
}

async function expectWhole(id: string): Promise<void> {
  const bucket = openBucket(stack.settings);
  const manifest = await door.described(id);
  const prefix = exportPrefix('dreambuilder', id);
  for (const part of manifest.parts) {
    const stored = await bucket.get(prefix + part.name);
    expect(
      createHash('sha256')
        .update(stored ?? '')
        .digest('hex'),
    ).toBe(part.sha256);
  }
  expect(await keysBelow(bucket, prefix)).toEqual(
    [manifestKey(prefix), ...manifest.parts.map(({ name }) => prefix + name)].sort(),
  );
  expect(await bucket.abortUploads(prefix)).toBe(0);
}

describe('an export in several parts', () => {
  it('has the same content when its worker is killed in the middle of a part', async () => {
    const whole = await door.order({ ...FLIGHTS, format: 'CSV' });
    expect(await door.ended(whole)).toMatchObject({ state: 'completed' });
    const manifest = await door.described(whole);
    expect(manifest.parts.length).toBeGreaterThan(1);
    expect(manifest.rows).toBe(FLIGHTS_ROWS);
    const expected = await contentHash(whole);

    const struck = await orderUntilUploading({ ...FLIGHTS, format: 'CSV' });
    await stack.worker.kill('SIGKILL');
    void stack.gate.release();
    expect(await door.request('GET', `/exports/${struck}/manifest`).then(({ status }) => status)).toBe(409);
    await stack.worker.start();
    expect(await door.ended(struck, 110)).toMatchObject({ state: 'completed' });
    expect(await contentHash(struck)).toBe(expected);
    await expectWhole(struck);
  });

  it('goes on when a worker that hung comes back after another one took over', async () => {
    const id = await orderUntilUploading({ ...FLIGHTS, format: 'JSONL' });
    await stack.worker.kill('SIGSTOP');
    void stack.gate.release();
    const second = await stack.startWorker('worker-2');
    try {
      expect(await door.ended(id, 110)).toMatchObject({ state: 'completed' });
      await stack.worker.kill('SIGCONT');
      // Once the first worker works again, its lost attempts are over as well.
      const next = await door.order({ ...FLIGHTS, format: 'JSONL', columns: ['origin'] });
      expect(await door.ended(next)).toMatchObject({ state: 'completed' });
      await expectWhole(id);
    } finally {
      await stack.worker.kill('SIGCONT');
      await second.stop();
    }
  });
});

describe('servers that are killed in mid-run', () => {
  const SERVERS = ['minio', 'temporal', 'postgres'] as const;

  it.each(SERVERS)('%s: the export recovers', async (name) => {
    const id = await orderUntilUploading({ ...FLIGHTS, format: 'CSV', compression: 'zstd' });
    await stack[name].kill('SIGKILL');
    void stack.gate.release();
    await stack[name].start();
    await expect
      .poll(
        () =>
          door.show(id).then(
            ({ status }) => status,
            () => 'away',
          ),
        { timeout: 110_000 },
      )
      .toBe('COMPLETED');
    await expectWhole(id);
  });

  it('answer 503 with Retry-After while they are away, and never 500', async () => {
    await stack.postgres.kill('SIGKILL');
    try {
      const answer = await door.request('GET', '/exports');
      expect(answer.status).toBe(503);
      expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
      expect(await answer.json()).toMatchObject({ code: 'ledger_unavailable' });
    } finally {
      await stack.postgres.start();
    }
    await expect.poll(() => door.request('GET', '/exports').then(({ status }) => status)).toBe(200);
  });
});
