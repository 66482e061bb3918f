import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { isActive, type Progress } from '../../contracts/progress.ts';
import type { ExportRecord, Ledger } from '../../stores/ledger/ledger.ts';
import type { ProgressReader } from '../runs/progress.ts';
import type { SettleCutRun } from './cut-runs.ts';

/** An export at one moment. */
export interface Snapshot {
  readonly record: ExportRecord;
  readonly progress: Progress;
}

type Listener = (snapshot: Snapshot) => void;

/** Watches exports: one lookup at a time per export, however many listeners there are. */
export interface Watch {
  /** @returns a function that stops listening */
  subscribe(record: ExportRecord, listener: Listener): () => void;
}

/** @param everyMs interval between lookups, in milliseconds */
export function createWatch(
  deps: {
    readonly ledger: Pick<Ledger, 'findExport'>;
    readonly progress: ProgressReader;
    readonly settleCutRun: SettleCutRun;
    readonly logger: Logger;
  },
  everyMs: number,
): Watch {
  const listeners = new Map<string, Set<Listener>>();

  async function lookUp(exportId: string, all: ReadonlySet<Listener>): Promise<ExportRecord | undefined> {
    try {
      const found = await deps.ledger.findExport(exportId);
      if (!found) return undefined;
      const record = await deps.settleCutRun(found);
      const snapshot = { record, progress: await deps.progress.read(record) };
      for (const listener of all) listener(snapshot);
      return record;
    } catch (error) {
      // Listeners stay subscribed during an outage; the next lookup may succeed.
      deps.logger.warn({ err: error, exportId }, 'an export could not be looked at');
      return undefined;
    }
  }

  async function follow(exportId: string, all: ReadonlySet<Listener>): Promise<void> {
    while (listeners.get(exportId) === all) {
      const record = await lookUp(exportId, all);
      if (record && !isActive(record.state) && listeners.get(exportId) === all) listeners.delete(exportId);
      else await delay(everyMs);
    }
  }

  return {
    subscribe({ exportId }, listener) {
      const known = listeners.get(exportId);
      const all = known ?? new Set<Listener>();
      all.add(listener);
      listeners.set(exportId, all);
      // Never rejects: every lookup handles its own failure.
      if (!known) void follow(exportId, all);
      return () => {
        all.delete(listener);
        if (all.size === 0 && listeners.get(exportId) === all) listeners.delete(exportId);
      };
    },
  };
}
