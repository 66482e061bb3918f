import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { manifestKey } from '../contracts/keys.ts';
import { keysBelow, openBucket } from './bucket.ts';
import { exportPrefix } from './keys.ts';
import { keysUploading } from './lost-workers-set-up.ts';
import { ALWAYS, createOnDemandClient, type OnDemandClient } from './on-demand-client.ts';
import { type OwnStack, PART_OF_UPLOAD, startOwnStack } from './own-stack.ts';
import { openTemporal } from './temporal.ts';

let stack: OwnStack;
let client: OnDemandClient;

beforeAll(async () => {
  stack = await startOwnStack({ WAYBILL_PART_ROWS: '500000' });
  client = createOnDemandClient(stack.urls.api, 'dreambuilder');
});

/** Half of the flights: as CSV three parts, each of two uploads. */
const FLIGHTS = { ...ALWAYS, exportType: 'FLIGHTS', endDate: '2001-04-01' };
const FLIGHTS_ROWS = 1_477_911;

/** A request that writes a part of the export, or a part of its upload. */
const PART = /^PUT (\S+\/exports\/\S+-\d+\.)/;

/** Orders an export and holds the object store in the middle of a part. @returns its id */
async function orderUntilUploading(order: Readonly<Record<string, unknown>>, part = PART): Promise<string> {
  const uploading = stack.gate.holdAt(part);
  const id = await client.order(order);
  await uploading;
  return id;
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

async function expectWhole(id: string): Promise<void> {
  const bucket = openBucket(stack.settings);
  const manifest = await client.described(id);
  const prefix = exportPrefix('dreambuilder', id);
  for (const part of manifest.parts) {
    const stored = await bucket.get(prefix + part.name);
    expect(sha256(stored ?? new Uint8Array())).toBe(part.sha256);
  }
  expect(await keysBelow(bucket, prefix)).toEqual(
    [manifestKey(prefix), ...manifest.parts.map(({ name }) => prefix + name)].sort(),
  );
  expect(await bucket.abortUploads(prefix)).toBe(0);
}

describe('an export in several parts', () => {
  it('has the same content when its worker is killed in the middle of a part', async () => {
    const whole = await client.order({ ...FLIGHTS, format: 'CSV' });
    expect(await client.ended(whole)).toMatchObject({ state: 'completed' });
    const manifest = await client.described(whole);
    expect(manifest.parts.length).toBeGreaterThan(1);
    expect(manifest.rows).toBe(FLIGHTS_ROWS);
    const expected = await client.file(whole);

    const interrupted = await orderUntilUploading({ ...FLIGHTS, format: 'CSV' });
    await stack.worker.kill('SIGKILL');
    void stack.gate.release();
    expect(await client.request('GET', `/exports/${interrupted}/manifest`).then(({ status }) => status)).toBe(409);
    await stack.worker.start();
    expect(await client.ended(interrupted, 110)).toMatchObject({ state: 'completed' });
    expect((await client.file(interrupted)).equals(expected)).toBe(true);
    await expectWhole(interrupted);
  });

  it('completes when a frozen worker resumes after another one took over', async () => {
    const id = await orderUntilUploading({ ...FLIGHTS, format: 'JSONL' });
    await stack.worker.kill('SIGSTOP');
    void stack.gate.release();
    const second = await stack.startWorker('worker-2');
    try {
      expect(await client.ended(id, 110)).toMatchObject({ state: 'completed' });
      await stack.worker.kill('SIGCONT');
      // Once the first worker completes another export, its lost attempts are over as well.
      const next = await client.order({ ...FLIGHTS, format: 'JSONL', columns: ['origin'] });
      expect(await client.ended(next)).toMatchObject({ state: 'completed' });
      await expectWhole(id);
    } finally {
      await stack.worker.kill('SIGCONT');
      await second.stop();
    }
  });
});

describe('an export', () => {
  it.each(['minio', 'temporal', 'postgres'] as const)('completes although %s is killed and restarted', async (name) => {
    const id = await orderUntilUploading({ ...FLIGHTS, format: 'CSV', compression: 'zstd' });
    await stack[name].kill('SIGKILL');
    void stack.gate.release();
    await stack[name].start();
    await expect
      .poll(
        () =>
          client.show(id).then(
            ({ status }) => status,
            () => 'away',
          ),
        { timeout: 110_000 },
      )
      .toBe('COMPLETED');
    await expectWhole(id);
  });

  it('leaves no upload of a killed worker when it is cancelled, also if MinIO was restarted', async () => {
    const temporal = await openTemporal(stack.settings);
    const id = await orderUntilUploading({ ...ALWAYS, exportType: 'FLIGHTS', format: 'JSONL' }, PART_OF_UPLOAD);
    const keys = await keysUploading(temporal, id, 1);
    await stack.worker.kill('SIGKILL');
    await stack.minio.kill('SIGKILL');
    void stack.gate.release();
    await stack.minio.start();
    expect((await client.request('DELETE', `/exports/${id}`)).status).toBe(202);
    await stack.worker.start();
    expect(await client.ended(id, 60)).toMatchObject({ state: 'cancelled' });
    expect(await openBucket(stack.settings).abortUploadsOf(keys)).toBe(0);
  });
});

describe('the API', () => {
  it('responds with 503 and Retry-After while the ledger is down', async () => {
    await stack.postgres.kill('SIGKILL');
    try {
      const answer = await client.request('GET', '/exports');
      expect(answer.status).toBe(503);
      expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
      expect(await answer.json()).toMatchObject({ code: 'ledger_unavailable' });
    } finally {
      await stack.postgres.start();
    }
    await expect.poll(() => client.request('GET', '/exports').then(({ status }) => status)).toBe(200);
  });
});
