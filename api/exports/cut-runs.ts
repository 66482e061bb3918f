import { WaybillError } from '../../contracts/failures.ts';
import { exportPrefix, manifestKey } from '../../contracts/keys.ts';
import { isActive } from '../../contracts/progress.ts';
import type { ExportRecord } from '../../stores/ledger/ledger.ts';
import { removeBelow } from '../../stores/objects/objects.ts';
import type { ApiDeps } from '../deps.ts';
import type { Fate } from '../temporal/workflow-runs.ts';

/** Many readers of one export cost one question to Temporal in so many milliseconds. */
const LOOK_MS = 2000;

const REMEMBERED_MAX = 10_000;

const MESSAGES: Readonly<Record<Exclude<Fate, 'open'>, string>> = {
  cut: 'The export was ended by an operator before it was done. Resubmit it if you still want it.',
  over: 'The export was lost before it was done. Resubmit it if you still want it.',
};

/**
 * Sees to it that an export whose run was ended from outside, in the Temporal UI for example, is not active for ever: the
 * first door that reads it records that it failed, and removes what it left. Exports whose runs are open are left alone,
 * and so is everything while Temporal does not answer.
 *
 * @returns the export as it stands then
 */
export type SettleCutRun = (record: ExportRecord) => Promise<ExportRecord>;

type SettleDeps = Pick<ApiDeps, 'ledger' | 'objects' | 'exports' | 'strays' | 'clock' | 'logger'>;

export function createSettleCutRun({ ledger, objects, exports, strays, clock, logger }: SettleDeps): SettleCutRun {
  /** Milliseconds since 1970 of the last look, by export id; oldest first. */
  const looks = new Map<string, number>();

  function isDue(exportId: string): boolean {
    const now = clock.now().getTime();
    if (now - (looks.get(exportId) ?? 0) < LOOK_MS) return false;
    looks.delete(exportId);
    looks.set(exportId, now);
    const oldest = looks.keys().next().value;
    if (looks.size > REMEMBERED_MAX && oldest !== undefined) looks.delete(oldest);
    return true;
  }

  async function fateOf(record: ExportRecord): Promise<Fate> {
    try {
      return await exports.fate(record);
    } catch (error) {
      if (error instanceof WaybillError && error.code === 'temporal_unavailable') return 'open';
      throw error;
    }
  }

  /** @returns whether the export has a manifest although its run is over: it is whole, and the ledger is behind. */
  async function isWhole({ tenant, exportId }: ExportRecord): Promise<boolean> {
    if (!(await objects.head(manifestKey(exportPrefix(tenant, exportId))))) return false;
    logger.error({ exportId }, 'a finished export is active in the ledger; rebuild the ledger from the manifests');
    return true;
  }

  async function fail(record: ExportRecord, message: string): Promise<ExportRecord> {
    const { exportId } = record;
    await ledger.recordOutcome(exportId, { state: 'failed', failure: { code: 'internal', message } });
    const now = (await ledger.findExport(exportId)) ?? record;
    // A last word of the run itself that came first stands, and so do its files.
    if (now.state !== 'failed' || now.failure?.message !== message) return now;
    logger.warn({ exportId }, 'an export whose run was ended from outside is recorded as failed');
    try {
      await removeBelow(objects, exportPrefix(now.tenant, exportId));
      // Its steps learn of the end later than this, and which ones there were is not known here.
      await strays.schedule({ kind: 'export', tenant: now.tenant, id: exportId, attempted: [] });
    } catch (error) {
      logger.error({ err: error, exportId }, 'what a failed export left could not be removed; delete the export');
    }
    return now;
  }

  return async function settleCutRun(record) {
    if (!isActive(record.state) || !isDue(record.exportId)) return record;
    const fate = await fateOf(record);
    if (fate === 'open') return record;
    // A run records its outcome before it closes, so what is still active now will stay so.
    const now = (await ledger.findExport(record.exportId)) ?? record;
    if (!isActive(now.state)) return now;
    if (fate === 'over' && (await isWhole(now))) return now;
    return fail(now, MESSAGES[fate]);
  };
}
