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

/** Progress of runs: never decreases, and stays below 100 percent until the ledger has the run as completed. */
export interface ProgressReader {
  read(run: Run): Promise<Progress>;
  /** The last known progress, without a lookup. */
  recall(run: Run): Progress;
}

interface Memory {
  progress: Progress;
  /** Time of the last lookup, in milliseconds since 1970. */
  at: number;
  pending: Promise<Progress> | undefined;
}

export function progressReader(temporal: Pick<Temporal, 'progress'>, clock: Clock): ProgressReader {
  /** By run id, least recently read first. */
  const memories = new Map<string, Memory>();

  function memoryOf(runId: string): Memory {
    const memory = memories.get(runId) ?? { progress: NOTHING_YET, at: 0, pending: undefined };
    memories.delete(runId);
    memories.set(runId, memory);
    const oldest = memories.keys().next().value;
    if (memories.size > REMEMBERED_MAX && oldest !== undefined) memories.delete(oldest);
    return memory;
  }

  async function update(memory: Memory, run: Run): Promise<Progress> {
    try {
      const found = await temporal.progress(run);
      if (found) memory.progress = clamp(memory.progress, found);
      memory.at = clock.now().getTime();
      return memory.progress;
    } finally {
      memory.pending = undefined;
    }
  }

  function recall(run: Run): Progress {
    const known = memories.get(run.runId)?.progress ?? NOTHING_YET;
    return isActive(run.state) ? known : ended(run, known);
  }

  return {
    async read(run) {
      if (!isActive(run.state)) return recall(run);
      const memory = memoryOf(run.runId);
      if (clock.now().getTime() - memory.at < FRESH_MS) return memory.progress;
      memory.pending ??= update(memory, run);
      return memory.pending;
    },
    recall,
  };
}

function ended({ rows, bytes, contentBytes, parts }: Run, last: Progress): Progress {
  if (rows === null || bytes === null || contentBytes === null || parts === null) return last;
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
