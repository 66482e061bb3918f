import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LOOPBACK } from '../stack/ports.ts';
import type { ProcessHandle } from '../stack/process.ts';
import { type RunningStack, serviceEnvironment, serviceProcess, startStack } from '../stack/stack.ts';
import { openBucket } from './bucket.ts';
import { ALWAYS, createDoorClient } from './door.ts';
import { type Gate, openGate } from './gate.ts';
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

/** Starts the stack's worker once more, now with a gate between it and the object store. */
async function startGatedWorker(gate: Gate): Promise<ProcessHandle> {
  const settings = { ...stack.settings, WAYBILL_OBJECTS_URL: `http://${LOOPBACK}:${gate.port}` };
  return stack.supervisor.start(
    serviceProcess({
      name: 'gated-worker',
      entry: 'worker/main.ts',
      environment: serviceEnvironment(process.env, settings),
      readyUrl: `http://${LOOPBACK}:${stack.ports.workerHealth}/healthz`,
    }),
  );
}

const PART_OF_UPLOAD = /^PUT [^\s]*partNumber=/;

it('an upload that a killed worker left open goes with a cancelled export, also when MinIO was started again', async () => {
  await stack.worker.stop();
  const gate = await openGate(stack.ports.objects);
  const worker = await startGatedWorker(gate);
  const door = createDoorClient(stack.urls.api, 'dreambuilder');
  const uploading = gate.holdAt(PART_OF_UPLOAD);
  const id = await door.order({ ...ALWAYS, exportType: 'FLIGHTS', format: 'JSONL' });
  await uploading;
  const keys = await keysUploading(temporal, id, 1);
  await worker.kill('SIGKILL');
  await gate.close();
  await stack.minio.kill('SIGKILL');
  await stack.minio.start();
  expect((await door.request('DELETE', `/exports/${id}`)).status).toBe(202);
  await stack.worker.start();
  expect(await door.ended(id, 60)).toMatchObject({ state: 'cancelled' });
  expect(await openBucket(stack.settings).abortUploadsOf(keys)).toBe(0);
});
