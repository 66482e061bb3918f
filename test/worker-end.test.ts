import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LOOPBACK } from '../stack/ports.ts';
import { type OwnServices, startOwnServices, useStack } from './context.ts';
import { ALWAYS, createDoorClient, type DoorClient } from './door.ts';
import { type Gate, openGate } from './gate.ts';
import { PART_OF_UPLOAD } from './own-stack.ts';

const END_ON_SIGNAL = new URL('./fixtures/end-on-signal.mjs', import.meta.url).href;

/** Seconds: what must end at once ends within these; an orderly stop has its grace of ten and ten more. */
const AT_ONCE_SECONDS = 5;
const ORDERLY_SECONDS = 20;

/** Longer than any test needs it, also on a fast machine: about 5 GB. */
const ENDLESS = `
  - name: ENDLESS
    title: More rows than a test waits for
    doors: [on-demand]
    sql: SELECT 'dreambuilder' AS tenant, i FROM range(500000000) AS r(i)
    tenant_column: tenant
    columns: [i: integer]
`;
/** 89 MB: more than a worker takes in while the object store does not answer, so that the copy stands still in its middle. */
const LONG = ENDLESS.replaceAll('ENDLESS', 'LONG').replace('500000000', '10000000');
const LONG_ROWS = 10_000_000;

let folder: string;
/** Between the worker and the object store. */
let gate: Gate;
let services: OwnServices;
let door: DoorClient;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waybill-test-'));
  await writeFile(join(folder, 'catalog.yaml'), `datasets:${ENDLESS}${LONG}`);
  gate = await openGate(useStack().ports.objects);
  services = await startOwnServices(
    { WAYBILL_CATALOG: join(folder, 'catalog.yaml'), NODE_OPTIONS: `--import=${END_ON_SIGNAL}` },
    { WAYBILL_OBJECTS_URL: `http://${LOOPBACK}:${gate.port}` },
  );
  door = createDoorClient(services.url, 'dreambuilder');
});
afterAll(async () => {
  // It may be about to take up an endless export again.
  await services?.worker.kill('SIGKILL');
  await services?.stop();
  await gate?.close();
  await rm(folder, { recursive: true, force: true });
});

beforeEach(() => services.worker.start());

/** @returns the id of an export whose copy is under way */
async function orderCopy(exportType: string): Promise<string> {
  const id = await door.order({ ...ALWAYS, exportType, format: 'CSV' });
  await door.until(id, ({ progress }) => progress.contentBytes > 0);
  return id;
}

/** Waits for the worker's end. @throws Error after so many seconds; the worker is then killed */
async function endsWithin(seconds: number, end: Promise<void>): Promise<void> {
  const timeout = AbortSignal.timeout(seconds * 1000);
  const late = new Promise<never>((_, reject) => {
    timeout.addEventListener('abort', () => reject(new Error(`The worker did not end within ${seconds} s.`)));
  });
  try {
    await Promise.race([end, late]);
  } catch (error) {
    await services.worker.kill('SIGKILL');
    throw error;
  }
}

describe('a worker in the middle of a copy', () => {
  it.each([
    ['an uncaught error', 'SIGUSR2', 'thrown by a test'],
    ['an unhandled rejection', 'SIGHUP', 'rejected by a test'],
    ['an exit', 'SIGALRM', '"code":3'],
  ] as const)('ends at once by %s, and the next one completes the export', async (_, signal, said) => {
    const uploading = gate.holdAt(PART_OF_UPLOAD);
    const id = await orderCopy('LONG');
    await uploading;
    try {
      await endsWithin(AT_ONCE_SECONDS, services.worker.kill(signal));
    } finally {
      void gate.release();
    }
    expect(services.worker.recentLines().join('\n')).toContain(said);
    await services.worker.start();
    expect(await door.ended(id, 100)).toMatchObject({ state: 'completed' });
    expect(await door.manifest(id)).toMatchObject({ rows: LONG_ROWS });
  });

  it('ends in order when it is asked to stop', async () => {
    await orderCopy('ENDLESS');
    await endsWithin(ORDERLY_SECONDS, services.worker.stop());
    expect(services.worker.recentLines().join('\n')).toContain('the worker has stopped');
  });

  it('ends at once when it is asked a second time', async () => {
    await orderCopy('ENDLESS');
    const { pid } = services.worker;
    if (pid === undefined) throw new Error('The worker does not run.');
    process.kill(pid, 'SIGTERM');
    await expect.poll(() => services.worker.recentLines().join('\n')).toContain('asked to stop');
    await endsWithin(AT_ONCE_SECONDS, services.worker.kill('SIGTERM'));
  });
});
