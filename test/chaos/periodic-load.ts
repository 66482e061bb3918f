import { setTimeout as delay } from 'node:timers/promises';
import { createPeriodicClient } from '../periodic-client.ts';
import { compareCsv, ROWS } from './source.ts';

/** Private keys of the generations that were seen, by generation id, and what went wrong. */
export interface PeriodicReport {
  readonly keys: ReadonlyMap<string, string>;
  readonly violations: readonly string[];
}

/** How long to wait for a new generation before changing the key again. */
const PATIENCE_MS = 90_000;

/** One tenant that changes its key again and again, waits for the generation sealed to it, and downloads a file. */
export async function runPeriodicLoad(url: string, stopping: AbortSignal): Promise<PeriodicReport> {
  const client = createPeriodicClient(url, 'acme-demo-secret');
  const keys = new Map<string, string>();
  const violations: string[] = [];

  /** The result of a call, or `undefined` if it was refused or cut because of a fault. */
  async function attempt<Value>(call: () => Promise<Value>): Promise<Value | undefined> {
    try {
      return await call();
    } catch (error) {
      if (error instanceof Error && /^500/.test(error.message)) violations.push(`periodic: ${error.message}`);
      return undefined;
    }
  }

  while (!stopping.aborted) {
    const changed = await attempt(() => (keys.size === 0 ? client.enable() : client.rotate()));
    const deadline = Date.now() + PATIENCE_MS;
    while (changed?.privateKey && !stopping.aborted && Date.now() < deadline) {
      const view = await attempt(() => client.status());
      if (view?.generation && view.recipient === changed.recipient) {
        keys.set(view.generation.generationId, changed.privateKey);
        const key = changed.privateKey;
        const file = await attempt(() => client.download('file=events&fileType=csv', key));
        const problem = file && compareCsv(file, 0, ROWS - 1);
        if (problem !== undefined) violations.push(`a periodic download ended well and ${problem}`);
        break;
      }
      await delay(500);
    }
    await delay(500);
  }
  return { keys, violations };
}
