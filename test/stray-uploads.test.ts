import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type RunningStack, startStack } from '../stack/stack.ts';
import { openBucket } from './bucket.ts';
import { ALWAYS, createDoorClient } from './door.ts';
import { keysUploading } from './lost-workers-set-up.ts';
import { openTemporal, type TemporalEye } from './temporal.ts';

/** A stack of its own: these tests kill what it is made of. */
let stack: RunningStack;
let temporal: TemporalEye;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waybill-uploads-'));
  await chmod(folder, 0o711);
  stack = await startStack({
    ports: 'free',
    dataDirectory: folder,
    environment: process.env,
    sampleScale: 0.01,
    settings: { WAYBILL_PART_ROWS: '1000000', WAYBILL_LOG_LEVEL: 'warn' },
    report: () => undefined,
    line: () => undefined,
    crashed: () => undefined,
    signal: new AbortController().signal,
  });
  temporal = await openTemporal(stack.settings);
});

afterAll(async () => {
  await temporal?.close();
  await stack?.stop();
  await rm(folder, { recursive: true, force: true });
});

it('an upload that a killed worker left open goes with a cancelled export, also when MinIO was started again', async () => {
  const door = createDoorClient(stack.urls.api, 'dreambuilder');
  const id = await door.order({ ...ALWAYS, exportType: 'FLIGHTS', format: 'JSONL' });
  const keys = await keysUploading(temporal, id, 2);
  await stack.worker.kill('SIGKILL');
  await stack.minio.kill('SIGKILL');
  await stack.minio.start();
  expect((await door.request('DELETE', `/exports/${id}`)).status).toBe(202);
  await stack.worker.start();
  expect(await door.ended(id, 60)).toMatchObject({ state: 'cancelled' });
  expect(await openBucket(stack.settings).abortUploadsOf(keys)).toBe(0);
});
