import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { isActive, type Progress } from '../../contracts/progress.ts';
import type { ExportRecord, Ledger } from '../../stores/ledger/ledger.ts';
import type { SettleCutRun } from './cut-runs.ts';
import type { ProgressReader } from './progress-reader.ts';

/** An export at one moment. */
export interface Sight {
  readonly record: ExportRecord;
  readonly progress: Progress;
}

type Listener = (sight: Sight) => void;

/** Watches exports: one question at a time for each, however many listen. */
export interface Watch {
  /** @returns a function that stops listening */
  subscribe(record: ExportRecord, listener: Listener): () => void;
}

/** @param everyMs milliseconds between two looks */
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

  async function look(exportId: string, all: ReadonlySet<Listener>): Promise<ExportRecord | undefined> {
    try {
      const found = await deps.ledger.findExport(exportId);
      if (!found) return undefined;
      const record = await deps.settleCutRun(found);
      const sight = { record, progress: await deps.progress.read(record) };
      for (const listener of all) listener(sight);
      return record;
    } catch (error) {
      // Watchers are kept alive over an outage; the next look may succeed.
      deps.logger.warn({ err: error, exportId }, 'an export could not be looked at');
      return undefined;
    }
  }

  async function follow(exportId: string, all: ReadonlySet<Listener>): Promise<void> {
    while (listeners.get(exportId) === all) {
      const record = await look(exportId, all);
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
      // Never rejects: every look handles its own failure.
      if (!known) void follow(exportId, all);
      return () => {
        all.delete(listener);
        if (all.size === 0 && listeners.get(exportId) === all) listeners.delete(exportId);
      };
    },
  };
}
