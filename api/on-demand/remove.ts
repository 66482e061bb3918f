import { FAILURES } from '../../contracts/failures.ts';
import { exportPrefix } from '../../contracts/keys.ts';
import { isActive } from '../../contracts/progress.ts';
import type { AuditAction, Run } from '../../stores/ledger/ports.ts';
import { removeBelow } from '../../stores/objects/objects.ts';
import type { ApiDeps, ApiEnv } from '../deps.ts';
import { findRun } from '../runs/find.ts';
import type { Context, Handler } from 'hono';

type RemoveDeps = Pick<ApiDeps, 'ledger' | 'objects' | 'temporal'>;

/** Answers `DELETE /exports/{id}`: cancels what runs, deletes the files of what has ended. Repeating it is harmless. */
export function removeHandler({ ledger, objects, temporal }: RemoveDeps): Handler<ApiEnv> {
  const audit = (c: Context<ApiEnv>, action: AuditAction, runId: string) => {
    const { tenant, actor } = c.get('caller');
    return ledger.audit.append({ tenant: tenant.key, actor, action, runId, detail: {} });
  };

  async function cancel(record: Run): Promise<Run | undefined> {
    if (!(await temporal.cancel(record, 0))) return undefined;
    const now = await ledger.runs.find(record.runId);
    if (!now || !isActive(now.state)) return now;
    // A run records its outcome before it closes. This one was ended from outside and never will.
    const message = `${FAILURES.cancelled.title}. ${FAILURES.cancelled.advice}`;
    await removeBelow(objects, exportPrefix(record.tenant, record.runId));
    await ledger.runs.end(record.runId, { state: 'cancelled', failure: { code: 'cancelled', message } });
    return undefined;
  }

  return async function removeExport(c) {
    const found = await findRun(ledger, c.get('caller').tenant.key, c.req.param('id') ?? '');
    const record = isActive(found.state) ? await cancel(found) : found;
    if (!record) {
      await audit(c, 'export.cancelled', found.runId);
      return c.body(null, 202);
    }
    await removeBelow(objects, exportPrefix(record.tenant, record.runId));
    // One that failed or was cancelled had no files to lose: a repeated cancel must not hide what became of it.
    if (record.state === 'completed' && record.removal === null) {
      await ledger.runs.recordRemoval(record.runId, 'deleted');
      await audit(c, 'export.deleted', record.runId);
    }
    return c.body(null, 204);
  };
}

/** Answers `DELETE /exports/{id}/links`. */
export function revokeHandler({ ledger }: Pick<RemoveDeps, 'ledger'>): Handler<ApiEnv> {
  return async function revokeLinks(c) {
    const { tenant, actor } = c.get('caller');
    const { runId } = await findRun(ledger, tenant.key, c.req.param('id') ?? '');
    await ledger.runs.revokeLinks(runId);
    await ledger.audit.append({ tenant: tenant.key, actor, action: 'export.links_revoked', runId, detail: {} });
    return c.body(null, 204);
  };
}
