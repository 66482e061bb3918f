import { isActive, type Progress } from '../../contracts/progress.ts';
import type { ExportRecord } from '../../stores/ledger/ledger.ts';
import type { Clock } from '../deps.ts';
import type { ExportRuns } from './runs.ts';

const NOTHING_YET: Progress = {
  percent: 0,
  rowsDone: 0,
  rowsTotal: null,
  contentBytes: 0,
  storedBytes: 0,
  partsDone: 0,
  partsTotal: null,
  final: false,
};

/** An answer this young is given again, so that many watchers cost one question. Milliseconds. */
const FRESH_MS = 400;
const REMEMBERED_MAX = 10_000;

interface Memory {
  progress: Progress;
  /** Milliseconds since 1970. */
  at: number;
  asking: Promise<Progress> | undefined;
}

/** Progress of exports as served: never falls, and below 100 percent until the ledger says completed. */
export interface ProgressReader {
  read(record: ExportRecord): Promise<Progress>;
  /** What was last known, without asking anybody. */
  recall(record: ExportRecord): Progress;
}

export function progressReader(exports: Pick<ExportRuns, 'progress'>, clock: Clock): ProgressReader {
  const memories = new Map<string, Memory>();

  function memoryOf(exportId: string): Memory {
    const memory = memories.get(exportId) ?? { progress: NOTHING_YET, at: 0, asking: undefined };
    memories.delete(exportId);
    memories.set(exportId, memory);
    const oldest = memories.keys().next().value;
    if (memories.size > REMEMBERED_MAX && oldest !== undefined) memories.delete(oldest);
    return memory;
  }

  async function ask(record: ExportRecord, memory: Memory): Promise<Progress> {
    try {
      const seen = await exports.progress(record);
      if (seen) memory.progress = clamp(memory.progress, seen);
      memory.at = clock.now().getTime();
      return memory.progress;
    } finally {
      memory.asking = undefined;
    }
  }

  return {
    async read(record) {
      if (!isActive(record.state)) return ended(record, memories.get(record.exportId)?.progress);
      const memory = memoryOf(record.exportId);
      if (clock.now().getTime() - memory.at < FRESH_MS) return memory.progress;
      memory.asking ??= ask(record, memory);
      return memory.asking;
    },
    recall(record) {
      const known = memories.get(record.exportId)?.progress;
      return isActive(record.state) ? (known ?? NOTHING_YET) : ended(record, known);
    },
  };
}

/** A retried attempt starts from nothing; what was told before stands. */
export function clamp(before: Progress, now: Progress): Progress {
  return {
    percent: Math.min(99, Math.max(before.percent, now.percent)),
    rowsDone: Math.max(before.rowsDone, now.rowsDone),
    rowsTotal: now.rowsTotal ?? before.rowsTotal,
    contentBytes: Math.max(before.contentBytes, now.contentBytes),
    storedBytes: Math.max(before.storedBytes, now.storedBytes),
    partsDone: Math.max(before.partsDone, now.partsDone),
    partsTotal: now.partsTotal ?? before.partsTotal,
    final: false,
  };
}

function ended({ rows, bytes, contentBytes, parts }: ExportRecord, last: Progress | undefined): Progress {
  if (rows === null || bytes === null || contentBytes === null || parts === null) return last ?? NOTHING_YET;
  return {
    percent: 100,
    rowsDone: rows,
    rowsTotal: rows,
    contentBytes,
    storedBytes: bytes,
    partsDone: parts,
    partsTotal: parts,
    final: true,
  };
}
