import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort, LOOPBACK } from '../stack/ports.ts';
import type { ProcessHandle } from '../stack/process.ts';
import { type RunningStack, serviceEnvironment, serviceProcess, startStack } from '../stack/stack.ts';
import { useStack } from './context.ts';
import { type Gate, openGate } from './gate.ts';

/** A stack of a test's own, which kills what it is made of. Between the worker and the object store is a gate. */
export interface OwnStack extends RunningStack {
  readonly gate: Gate;
  /** Starts one more worker, without a gate. */
  startWorker(name: string): Promise<ProcessHandle>;
}

/** A request for a part of a multipart upload. */
export const PART_OF_UPLOAD = /^PUT (\S+)\?\S*partNumber=/;
/** A request that writes a whole file. */
export const SEALED_FILE = /^PUT (\S+\.age) HTTP/;

/** @param own settings on top of those of any stack */
export async function startOwnStack(own: Readonly<Record<string, string>>): Promise<OwnStack> {
  const { environment } = useStack();
  const folder = await mkdtemp(join(tmpdir(), 'waybill-own-'));
  // As root, PostgreSQL runs as another user, who must get to its data below.
  await chmod(folder, 0o711);
  const stack = await startStack({
    ports: 'free',
    dataDirectory: folder,
    environment,
    sampleScale: 0.01,
    settings: { WAYBILL_LOG_LEVEL: 'warn', ...own },
    report: () => undefined,
    line: () => undefined,
    crashed: () => undefined,
    signal: new AbortController().signal,
  });

  async function start(name: string, settings: Readonly<Record<string, string>>): Promise<ProcessHandle> {
    const port = String(await freePort());
    const all = { ...stack.settings, ...settings, WAYBILL_WORKER_HEALTH_PORT: port };
    return stack.supervisor.start(
      serviceProcess({
        name,
        entry: 'worker/main.ts',
        environment: serviceEnvironment(environment, all),
        readyUrl: `http://${LOOPBACK}:${port}/healthz`,
      }),
    );
  }

  const gate = await openGate(stack.ports.objects);
  await stack.worker.stop();
  return {
    ...stack,
    worker: await start('gated-worker', { WAYBILL_OBJECTS_URL: `http://${LOOPBACK}:${gate.port}` }),
    gate,
    startWorker: (name) => start(name, {}),
    async stop() {
      await stack.stop();
      await gate.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
