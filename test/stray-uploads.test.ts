import { afterAll, beforeAll, expect, it } from 'vitest';
import { openBucket } from './bucket.ts';
import { ALWAYS, createDoorClient } from './door.ts';
import { keysUploading } from './lost-workers-set-up.ts';
import { type OwnStack, PART_OF_UPLOAD, startOwnStack } from './own-stack.ts';
import { openTemporal, type TemporalEye } from './temporal.ts';

let stack: OwnStack;
let temporal: TemporalEye;

beforeAll(async () => {
  stack = await startOwnStack({ WAYBILL_PART_ROWS: '1000000' });
  temporal = await openTemporal(stack.settings);
});

afterAll(async () => {
  await temporal?.close();
  await stack?.stop();
});

it('an upload that a killed worker left open goes with a cancelled export, also when MinIO was started again', async () => {
  const door = createDoorClient(stack.urls.api, 'dreambuilder');
  const uploading = stack.gate.holdAt(PART_OF_UPLOAD);
  const id = await door.order({ ...ALWAYS, exportType: 'FLIGHTS', format: 'JSONL' });
  await uploading;
  const keys = await keysUploading(temporal, id, 1);
  await stack.worker.kill('SIGKILL');
  await stack.minio.kill('SIGKILL');
  await stack.minio.start();
  expect((await door.request('DELETE', `/exports/${id}`)).status).toBe(202);
  await stack.startWorker('worker-2');
  expect(await door.ended(id, 60)).toMatchObject({ state: 'cancelled' });
  expect(await openBucket(stack.settings).abortUploadsOf(keys)).toBe(0);
});
