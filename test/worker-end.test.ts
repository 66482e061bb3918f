import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { closeAtEnd, writeCatalog } from './cleanup.ts';
import { type OwnServices, startOwnServices, useStack } from './context.ts';
import { type Gate, openGate } from './gate.ts';
import { ALWAYS, createOnDemandClient, type OnDemandClient } from './on-demand-client.ts';
import { PART_OF_UPLOAD } from './own-stack.ts';

const END_ON_SIGNAL = new URL('./fixtures/end-on-signal.mjs', import.meta.url).href;

/** Limits for an immediate end, and for an orderly stop, which has a grace period of ten seconds. */
const AT_ONCE_SECONDS = 5;
const ORDERLY_SECONDS = 20;

/** About 5 GB: longer than any test, also on a fast machine. */
const ENDLESS = `
  - name: ENDLESS
    title: More rows than a test waits for
    doors: [on-demand]
    sql: SELECT 'dreambuilder' AS tenant, i FROM range(500000000) AS r(i)
    tenant_column: tenant
    columns: [i: integer]
`;
/** 89 MB: more than a worker buffers while the object store does not respond, so that the copy stops in the middle. */
const LONG = ENDLESS.replaceAll('ENDLESS', 'LONG').replace('500000000', '10000000');
const LONG_ROWS = 10_000_000;

/** Between the worker and the object store. */
let gate: Gate;
let services: OwnServices;
let client: OnDemandClient;

beforeAll(async () => {
  gate = await openGate(useStack().ports.objects);
  services = await startOwnServices(
    { ...(await writeCatalog(`datasets:${ENDLESS}${LONG}`)), NODE_OPTIONS: `--import=${END_ON_SIGNAL}` },
    { WAYBILL_OBJECTS_URL: `http://${gate.address}` },
  );
  client = createOnDemandClient(services.url, 'dreambuilder');
  // It may have resumed an endless export.
  closeAtEnd(() => services.worker.kill('SIGKILL'));
});

beforeEach(() => services.worker.start());

/** @returns the id of an export whose copy is under way */
async function orderCopy(exportType: string): Promise<string> {
  const id = await client.order({ ...ALWAYS, exportType, format: 'CSV' });
  await client.until(id, ({ progress }) => progress.contentBytes > 0);
  return id;
}

/** Waits for the worker's end. @throws Error after this many seconds; the worker is killed then */
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
  ] as const)('ends at once after %s, and the next one completes the export', async (_, signal, said) => {
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
    expect(await client.ended(id, 100)).toMatchObject({ state: 'completed' });
    expect(await client.manifest(id)).toMatchObject({ rows: LONG_ROWS });
  });

  it('ends in an orderly way when it is asked to stop', async () => {
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
