import type { z } from '@hono/zod-openapi';
import type { Logger } from 'pino';
import { offeredAt } from '../../config/dataset.ts';
import { WaybillError } from '../../contracts/failures.ts';
import { periodicScheduleId } from '../../contracts/task-queues.ts';
import type { EnableBody, EnabledAnswer } from '../../contracts/views/periodic.ts';
import type { PutResult, StandingOrder } from '../../stores/ledger/ports.ts';
import type { ApiDeps } from '../deps.ts';
import type { RouteAnswer } from '../openapi.ts';
import { HINTS, sealingKey } from './key-order.ts';
import { assertOwn } from './query.ts';
import type { enablePeriodic } from './routes.ts';

type EnableDeps = Pick<ApiDeps, 'ledger' | 'catalog' | 'temporal' | 'syncSchedule'>;

/** Answers `POST /dataexport/enable`. The private key is in this answer and nowhere else. */
export function enableHandler(deps: EnableDeps): RouteAnswer<typeof enablePeriodic> {
  const { ledger, catalog, temporal, syncSchedule } = deps;
  /** Puts back what enabling changed, because it cannot be carried out. */
  async function undo({ outcome, standingOrder: made }: PutResult, actor: string, logger: Logger): Promise<void> {
    try {
      if (outcome === 'enabled') await ledger.standingOrders.forget(made, actor, made.epoch);
      else await ledger.standingOrders.disable(made, actor, made.epoch);
    } catch (error) {
      logger.error({ err: error, tenant: made.tenant }, 'periodic exports stay enabled without a schedule; rotate');
    }
  }

  return async function enable(c) {
    c.header('Cache-Control', 'no-store');
    const order = c.req.valid('json');
    assertOwn(c, c.req.valid('query').organisation);
    if (offeredAt(catalog, 'periodic').length === 0) {
      throw new WaybillError('not_found', 'This deployment offers no periodic files. Ask the operator.');
    }
    const { tenant, actor } = c.get('caller');
    const logger = c.get('logger');
    const kept = await ledger.standingOrders.find(tenant.key, 'periodic');
    if (kept?.enabled) throw new WaybillError('already_enabled');
    const key = await sealingKey(order);
    // Asked before anything is changed: without Temporal there would be neither schedule nor run.
    await temporal.nextRun(periodicScheduleId(tenant.key));

    const enabling = await ledger.standingOrders.put({
      tenant: tenant.key,
      kind: 'periodic',
      recipient: key.recipient,
      ownRecipient: key.privateKey === null,
      recurrence: recurrenceOf(order, kept),
      actor,
    });
    if (enabling.outcome === 'already') throw new WaybillError('already_enabled');
    if (enabling.outcome === 'kept') throw new WaybillError('recipient_kept');
    try {
      await syncSchedule(tenant.key);
    } catch (error) {
      await undo(enabling, actor, logger);
      throw error;
    }

    const hints: string[] = [];
    if (enabling.outcome === 'resumed') hints.push(HINTS.resumed);
    else if (key.privateKey === null) hints.push(HINTS.ownRecipient);
    try {
      await temporal.trigger(periodicScheduleId(tenant.key), 'replace');
    } catch (error) {
      logger.error({ err: error, tenant: tenant.key }, 'the first periodic run could not be started');
      hints.push(HINTS.notTriggered);
    }
    return c.json({
      enabled: true,
      privateKey: enabling.outcome === 'resumed' ? null : key.privateKey,
      recipient: enabling.standingOrder.recipient ?? key.recipient,
      ...(hints.length > 0 && { hint: hints.join(' ') }),
    } satisfies EnabledAnswer);
  };
}

/** Half a run time that is given leaves the other half as it was. */
function recurrenceOf({ at, timeZone }: z.infer<typeof EnableBody>, kept: StandingOrder | undefined) {
  if (at === undefined && timeZone === undefined) return undefined;
  return { at: at ?? kept?.recurrence?.at ?? null, timeZone: timeZone ?? kept?.recurrence?.timeZone ?? null };
}
