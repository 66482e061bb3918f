import { isActive, type Progress } from '../../contracts/progress.ts';
import type { ExportRecord } from '../../stores/ledger/ledger.ts';
import type { Clock } from '../deps.ts';
import { NOTHING_YET, progressMemory } from '../temporal/progress-memory.ts';
import type { ExportRuns } from './runs.ts';

/** Progress of exports as served: never falls, and below 100 percent until the ledger says completed. */
export interface ProgressReader {
  read(record: ExportRecord): Promise<Progress>;
  /** What was last known, without asking anybody. */
  recall(record: ExportRecord): Progress;
}

export function progressReader(exports: Pick<ExportRuns, 'progress'>, clock: Clock): ProgressReader {
  const memory = progressMemory(clock);
  return {
    async read(record) {
      if (!isActive(record.state)) return ended(record, memory.recall(record.exportId));
      return memory.read(record.exportId, () => exports.progress(record));
    },
    recall(record) {
      const known = memory.recall(record.exportId);
      return isActive(record.state) ? (known ?? NOTHING_YET) : ended(record, known);
    },
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
