import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { isActive, type Progress } from '../../contracts/progress.ts';
import type { Ledger, Run } from '../../stores/ledger/ports.ts';
import type { ProgressReader } from '../runs/progress.ts';
import type { SettleCutRun } from './cut-runs.ts';

/** An export at one moment. */
export interface Snapshot {
  readonly record: Run;
  readonly progress: Progress;
}

type Listener = (snapshot: Snapshot) => void;

/** Watches exports: one lookup at a time per export, however many listeners there are. */
export interface Watch {
  /** @returns a function that stops listening */
  subscribe(record: Run, listener: Listener): () => void;
}

/** @param everyMs interval between lookups, in milliseconds */
export function createWatch(
  deps: {
    readonly ledger: Pick<Ledger, 'runs'>;
    readonly progress: ProgressReader;
    readonly settleCutRun: SettleCutRun;
    readonly logger: Logger;
  },
  everyMs: number,
): Watch {
  const listeners = new Map<string, Set<Listener>>();

  async function lookUp(runId: string, all: ReadonlySet<Listener>): Promise<Run | undefined> {
    try {
      const found = await deps.ledger.runs.find(runId);
      if (!found) return undefined;
      const record = await deps.settleCutRun(found);
      const snapshot = { record, progress: await deps.progress.read(record) };
      for (const listener of all) listener(snapshot);
      return record;
    } catch (error) {
      // Listeners stay subscribed during an outage; the next lookup may succeed.
      deps.logger.warn({ err: error, runId }, 'an export could not be looked at');
      return undefined;
    }
  }

  async function follow(runId: string, all: ReadonlySet<Listener>): Promise<void> {
    while (listeners.get(runId) === all) {
      const record = await lookUp(runId, all);
      if (record && !isActive(record.state) && listeners.get(runId) === all) listeners.delete(runId);
      else await delay(everyMs);
    }
  }

  return {
    subscribe({ runId }, listener) {
      const known = listeners.get(runId);
      const all = known ?? new Set<Listener>();
      all.add(listener);
      listeners.set(runId, all);
      // Never rejects: every lookup handles its own failure.
      if (!known) void follow(runId, all);
      return () => {
        all.delete(listener);
        if (all.size === 0 && listeners.get(runId) === all) listeners.delete(runId);
      };
    },
  };
}
