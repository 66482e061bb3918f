import { isActive, type Progress } from '../../contracts/progress.ts';
import type { Run } from '../../stores/ledger/ports.ts';
import type { Temporal } from '../../stores/temporal/temporal.ts';
import type { Clock } from '../deps.ts';

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

/** Minimum interval between Temporal lookups per run, in milliseconds. */
const FRESH_MS = 400;
const REMEMBERED_MAX = 10_000;

interface Memory {
  progress: Progress;
  /** Milliseconds since 1970. */
  at: number;
  pending: Promise<Progress> | undefined;
}

/** Progress of open runs: never decreases, and stays below 100 percent. */
export interface ProgressMemory {
  /** @param lookUp need not be monotonic; `undefined` when the progress is not known */
  read(runId: string, lookUp: () => Promise<Progress | undefined>): Promise<Progress>;
  /** The last known progress, without a lookup. */
  recall(runId: string): Progress | undefined;
}

export function progressMemory(clock: Clock): ProgressMemory {
  const memories = new Map<string, Memory>();

  function memoryOf(runId: string): Memory {
    const memory = memories.get(runId) ?? { progress: NOTHING_YET, at: 0, pending: undefined };
    memories.delete(runId);
    memories.set(runId, memory);
    const oldest = memories.keys().next().value;
    if (memories.size > REMEMBERED_MAX && oldest !== undefined) memories.delete(oldest);
    return memory;
  }

  async function update(memory: Memory, lookUp: () => Promise<Progress | undefined>): Promise<Progress> {
    try {
      const found = await lookUp();
      if (found) memory.progress = clamp(memory.progress, found);
      memory.at = clock.now().getTime();
      return memory.progress;
    } finally {
      memory.pending = undefined;
    }
  }

  return {
    async read(runId, lookUp) {
      const memory = memoryOf(runId);
      if (clock.now().getTime() - memory.at < FRESH_MS) return memory.progress;
      memory.pending ??= update(memory, lookUp);
      return memory.pending;
    },
    recall: (runId) => memories.get(runId)?.progress,
  };
}

/** Progress never decreases, even when a retry starts over. */
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

/** Progress of exports as served: never decreases, and below 100 percent until the ledger says completed. */
export interface ProgressReader {
  read(record: Run): Promise<Progress>;
  /** The last known progress, without a lookup. */
  recall(record: Run): Progress;
}

export function progressReader(temporal: Pick<Temporal, 'progress'>, clock: Clock): ProgressReader {
  const memory = progressMemory(clock);
  return {
    async read(record) {
      if (!isActive(record.state)) return ended(record, memory.recall(record.runId));
      return memory.read(record.runId, () => temporal.progress(record));
    },
    recall(record) {
      const known = memory.recall(record.runId);
      return isActive(record.state) ? (known ?? NOTHING_YET) : ended(record, known);
    },
  };
}

function ended({ rows, bytes, contentBytes, parts }: Run, last: Progress | undefined): Progress {
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
