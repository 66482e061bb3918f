import { z } from '@hono/zod-openapi';
import type { Progress } from '../../contracts/progress.ts';

const count = z.number().int().min(0);
/** What of a part's heartbeat counts here. Other activities report other things, which do not fit. */
const partHeartbeat = z.object({ index: count, rows: count, contentBytes: count, storedBytes: count });

/** Adds what running parts have reported to the progress of the finished ones. Stays at 99 percent and below. */
export function addHeartbeats(finished: Progress, heartbeats: readonly unknown[]): Progress {
  let { rowsDone, contentBytes, storedBytes } = finished;
  for (const heartbeat of heartbeats) {
    const read = partHeartbeat.safeParse(heartbeat);
    if (!read.success) continue;
    rowsDone += read.data.rows;
    contentBytes += read.data.contentBytes;
    storedBytes += read.data.storedBytes;
  }
  if (finished.rowsTotal !== null) rowsDone = Math.min(rowsDone, finished.rowsTotal);
  const share = finished.rowsTotal ? Math.floor((rowsDone / finished.rowsTotal) * 100) : finished.percent;
  return { ...finished, percent: Math.min(99, share), rowsDone, contentBytes, storedBytes, final: false };
}
