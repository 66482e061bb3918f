import type { Progress } from '../../contracts/progress.ts';
import type { Clock } from '../deps.ts';

export const NOTHING_YET: Progress = {
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

/** Remembers the progress of runs under way, so that what is told of one never falls, and stays below 100 percent. */
export interface ProgressMemory {
  /** @param ask how far the run is; not monotone by itself. `undefined` when nobody can tell at the moment */
  read(runId: string, ask: () => Promise<Progress | undefined>): Promise<Progress>;
  /** What was last known, without asking anybody. */
  recall(runId: string): Progress | undefined;
}

export function progressMemory(clock: Clock): ProgressMemory {
  const memories = new Map<string, Memory>();

  function memoryOf(runId: string): Memory {
    const memory = memories.get(runId) ?? { progress: NOTHING_YET, at: 0, asking: undefined };
    memories.delete(runId);
    memories.set(runId, memory);
    const oldest = memories.keys().next().value;
    if (memories.size > REMEMBERED_MAX && oldest !== undefined) memories.delete(oldest);
    return memory;
  }

  async function learn(memory: Memory, ask: () => Promise<Progress | undefined>): Promise<Progress> {
    try {
      const seen = await ask();
      if (seen) memory.progress = clamp(memory.progress, seen);
      memory.at = clock.now().getTime();
      return memory.progress;
    } finally {
      memory.asking = undefined;
    }
  }

  return {
    async read(runId, ask) {
      const memory = memoryOf(runId);
      if (clock.now().getTime() - memory.at < FRESH_MS) return memory.progress;
      memory.asking ??= learn(memory, ask);
      return memory.asking;
    },
    recall: (runId) => memories.get(runId)?.progress,
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
