import { generationPrefix } from '../../contracts/keys.ts';
import { periodicScheduleId } from '../../contracts/task-queues.ts';
import type { EnabledAnswer } from '../../contracts/views/periodic.ts';
import type { Run } from '../../stores/ledger/ports.ts';
import { removeBelow } from '../../stores/objects/objects.ts';
import type { ApiDeps } from '../deps.ts';
import type { RouteAnswer } from '../openapi.ts';
import { HINTS, sealingKey } from './key-order.ts';
import { assertOwn } from './query.ts';
import type { rotatePeriodic } from './routes.ts';

type RotateDeps = Pick<ApiDeps, 'ledger' | 'objects' | 'temporal' | 'syncSchedule'>;

/**
 * Answers `POST /dataexport/rotate`. Once the ledger has the new recipient, the answer is 200 whatever fails: the key in
 * it exists nowhere else.
 */
export function rotateHandler(deps: RotateDeps): RouteAnswer<typeof rotatePeriodic> {
  const { ledger, objects, temporal, syncSchedule } = deps;
  async function startRun(tenant: string): Promise<void> {
    await syncSchedule(tenant);
    await temporal.trigger(periodicScheduleId(tenant), 'replace');
  }

  async function removeNow(outdated: readonly Run[]): Promise<void> {
    for (const { tenant, runId } of outdated) {
      await removeBelow(objects, generationPrefix(tenant, runId));
      await ledger.runs.recordRemoval(runId, 'replaced');
    }
  }

  return async function rotate(c) {
    c.header('Cache-Control', 'no-store');
    const order = c.req.valid('json');
    assertOwn(c, c.req.valid('query').organisation);
    const { tenant, actor } = c.get('caller');
    const key = await sealingKey(order);
    const outdated = await ledger.standingOrders.rotate({
      tenant: tenant.key,
      kind: 'periodic',
      recipient: key.recipient,
      ownRecipient: key.privateKey === null,
      actor,
    });

    const attempt = async (what: string, work: Promise<void>): Promise<boolean> => {
      try {
        await work;
        return true;
      } catch (error) {
        c.get('logger').error({ err: error, tenant: tenant.key }, what);
        return false;
      }
    };
    const [started, removed] = await Promise.all([
      attempt('the run after a rotation could not be started', startRun(tenant.key)),
      attempt('files of before a rotation could not be removed', removeNow(outdated)),
    ]);
    const hints = [
      ...(key.privateKey === null ? [HINTS.ownRecipient] : []),
      ...(started ? [] : [HINTS.notTriggered]),
      ...(removed ? [] : [HINTS.notRemoved]),
    ];
    return c.json({
      enabled: true,
      privateKey: key.privateKey,
      recipient: key.recipient,
      ...(hints.length > 0 && { hint: hints.join(' ') }),
    } satisfies EnabledAnswer);
  };
}
