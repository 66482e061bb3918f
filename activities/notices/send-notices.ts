import { WaybillError } from '../../contracts/failures.ts';
import type { StandingKind } from '../../contracts/standing.ts';
import type { Ledger, Notice, Runs, StandingOrders, Tenant, Tenants } from '../../stores/ledger/ports.ts';
import type { Mail } from '../../stores/mail/mail.ts';
import type { Temporal } from '../../stores/temporal/temporal.ts';
import type { Ports } from '../ports.ts';
import { type NoticeContext, noticeEmail } from './email.ts';

/** What sending notices needs of the ports. */
export interface NoticePorts extends Pick<Ports, 'publicUrl' | 'logger'> {
  readonly ledger: Pick<Ledger, 'notices'> & {
    readonly tenants: Pick<Tenants, 'find'>;
    readonly standingOrders: Pick<StandingOrders, 'find'>;
    readonly runs: Pick<Runs, 'find'>;
  };
  readonly temporal: Pick<Temporal, 'nextRun'>;
  readonly mail: Pick<Mail, 'send'> | null;
}

/** Sends a tenant's contacts the notices that the ledger owes them, those of earlier runs included. */
export function createSendNotices(ports: NoticePorts) {
  const { ledger, temporal, mail, publicUrl, logger } = ports;

  async function contextOf(tenant: Tenant, kind: StandingKind): Promise<Omit<NoticeContext, 'isPartial'>> {
    const settings = await ledger.standingOrders.find(tenant.key, kind.kind);
    const current = settings?.currentRunId ? await ledger.runs.find(settings.currentRunId) : undefined;
    const { snapshotAt = null, files = null, rows = null } = current ?? {};
    return {
      kind,
      tenantTitle: tenant.title,
      contacts: tenant.contacts,
      generation: snapshotAt === null || files === null || rows === null ? null : { snapshotAt, files, rows },
      nextRunAt: (await temporal.nextRun(kind.scheduleId(tenant.key)))?.nextRunAt ?? null,
      publicUrl,
    };
  }

  /** @returns number of addresses that it was sent to */
  async function deliver(notice: Notice, context: NoticeContext | undefined): Promise<number> {
    const { tenant, kind, runId } = notice;
    if (!mail || !context || context.contacts.length === 0) {
      const why = mail ? 'the tenant has no contacts' : 'mail is not set up';
      logger.warn({ tenant, kind, runId, code: notice.failure?.code }, `a notice is not sent: ${why}`);
      return 0;
    }
    try {
      await mail.send(noticeEmail(notice, context));
      return context.contacts.length;
    } catch (error) {
      if (!(error instanceof WaybillError && error.code === 'mail_refused')) throw error;
      logger.warn({ err: error, tenant, kind, runId }, 'some contacts refused a notice: check their addresses');
      return 0;
    }
  }

  /** @returns number of notices that all contacts have received. @throws WaybillError `mail_unavailable` */
  return async function sendNotices(tenant: string, kind: StandingKind): Promise<number> {
    const due: { readonly notice: Notice; readonly isPartial: boolean }[] = [];
    for (const notice of await ledger.notices.due(tenant)) {
      // Those of another kind of export are left to its runs.
      const run = await ledger.runs.find(notice.runId);
      if (!run || run.kind === kind.kind) due.push({ notice, isPartial: run?.state === 'completed' });
    }
    if (due.length === 0) return 0;
    const known = await ledger.tenants.find(tenant);
    const context = known && (await contextOf(known, kind));
    let sent = 0;
    const latest = new Map(due.map(({ notice }) => [seriesOf(notice), notice]));
    for (const { notice, isPartial } of due) {
      // Skip failure notices that are already followed by a recovery.
      const overtaken = notice !== latest.get(seriesOf(notice)) || isToldBy(notice, due);
      const recipients = overtaken ? 0 : await deliver(notice, context && { ...context, isPartial });
      await ledger.notices.recordSent(notice.noticeId, recipients);
      if (recipients > 0) sent += 1;
    }
    return sent;
  };
}

/** The first run that does without a held dataset also fails in it, which tells the same. */
function isToldBy({ kind, runId }: Notice, due: readonly { readonly notice: Notice }[]): boolean {
  return kind === 'held' && due.some(({ notice }) => notice.kind === 'failed' && notice.runId === runId);
}

/** Runs fail and recover, and so do deliveries. Each acknowledgement is told. */
function seriesOf({ kind, noticeId }: Notice): string {
  switch (kind) {
    case 'failed':
    case 'recovered':
      return 'runs';
    case 'push_failed':
    case 'push_recovered':
      return 'deliveries';
    case 'ack_mismatch':
    case 'ack_missing':
    case 'held':
      return noticeId;
  }
}
