import type { DuckDBConnection } from '@duckdb/node-api';
import { WaybillError } from '../../contracts/failures.ts';
import { type MemoryLimits, setMemory } from './limits.ts';

/**
 * DuckDB's memory. It keeps the warehouse's pages as long as it has room for them, also those that it reads once. So it usually has room
 * for little, and for all that it may use only while work needs it.
 */
export interface Memory {
  /** Whether there is more than DuckDB usually has. */
  readonly hasMore: boolean;
  /** Gives DuckDB all of its memory until the function that is returned is called. Whatever runs meanwhile has it too. */
  raise(): Promise<() => Promise<void>>;
  /** Called with why work is done once more, while DuckDB has all of its memory. */
  onRepeat?(failure: WaybillError): void;
}

/** The memory, and what its owner does with it. */
export interface OwnMemory extends Memory {
  /** Called when a query has ended: takes back what queries still held when the work was done that needed it. */
  reclaim(): Promise<void>;
  /** Resolves when nothing is being changed. */
  settled(): Promise<void>;
}

/** @param limits of a DuckDB that has all of its memory until the first `reclaim` */
export function createMemory(
  connect: () => Promise<DuckDBConnection>,
  { usual, most }: MemoryLimits,
  onRepeat: (failure: WaybillError) => void,
): OwnMemory {
  let users = 0;
  let limit = most;
  /** The last change; each waits for the one before. */
  let changed: Promise<void> = Promise.resolve();

  async function change(): Promise<void> {
    const wanted = users > 0 ? most : usual;
    if (wanted === limit) return;
    const connection = await connect();
    try {
      await setMemory(connection, wanted);
      limit = wanted;
    } finally {
      connection.disconnectSync();
    }
  }
  function adjust(): Promise<void> {
    const changing = changed.then(change);
    changed = changing.catch(() => undefined);
    return changing;
  }
  async function release(): Promise<void> {
    users -= 1;
    // What is in use cannot be taken back before its query has ended.
    await adjust().catch(() => undefined);
  }

  return {
    hasMore: most > usual,
    onRepeat,
    async raise() {
      users += 1;
      try {
        await adjust();
      } catch (error) {
        await release();
        throw error;
      }
      let isReleased = false;
      return async () => {
        if (isReleased) return;
        isReleased = true;
        await release();
      };
    },
    async reclaim() {
      if (users === 0 && limit !== usual) await adjust().catch(() => undefined);
    },
    settled: () => changed,
  };
}

/**
 * Whether work failed that may succeed with more memory. What does not fit into it is spilled, as far as the disk has room. A file of
 * ours that filled the disk, whose error has a code of the system, is no smaller with more memory.
 */
export function isOutOfMemory(error: unknown): error is WaybillError {
  if (!(error instanceof WaybillError)) return false;
  const isOurs = error.cause instanceof Error && 'code' in error.cause;
  return error.code === 'memory_exhausted' || (error.code === 'disk_full' && !isOurs);
}

/** Does work, and if it runs out of memory, once more while DuckDB has all of it. */
export async function withEnoughMemory<Value>(memory: Memory, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    if (!memory.hasMore || !isOutOfMemory(error)) throw error;
    memory.onRepeat?.(error);
    return withAllMemory(memory, work);
  }
}

/** Does work while DuckDB has all of its memory. */
export async function withAllMemory<Value>(memory: Pick<Memory, 'raise'>, work: () => Promise<Value>): Promise<Value> {
  const release = await memory.raise();
  try {
    return await work();
  } finally {
    await release();
  }
}
