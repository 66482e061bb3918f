import type { z } from '@hono/zod-openapi';
import type { Logger } from 'pino';
import { offeredAt } from '../../config/dataset.ts';
import { WaybillError } from '../../contracts/failures.ts';
import type { DisabledAnswer, EnableBody, EnabledAnswer, KeyBody } from '../../contracts/views/periodic.ts';
import type { StandingOrder } from '../../stores/ledger/ports.ts';
import { generateKey, parseRecipient } from '../../streams/age/keys.ts';
import type { ApiDeps, Caller } from '../deps.ts';
import type { RouteAnswer } from '../openapi.ts';
import type { StandingChanges } from '../runs/standing.ts';
import { assertOwn } from './input.ts';
import type { disablePeriodic, enablePeriodic, rotatePeriodic } from './routes.ts';

/** Added to the response if something differs from what the caller may expect. */
const HINTS = {
  resumed:
    'Resumed with the previous recipient; your existing key still works. If you have lost it, rotate to get a new one.',
  ownRecipient: 'The files are sealed to your own recipient: only your private key can decrypt them.',
  notTriggered: 'A run could not be started immediately; the next nightly run will produce the files.',
  notRemoved:
    'Files sealed to the old key are no longer offered and will be removed as soon as the store is available.',
} as const;

/** A recipient to seal to, and the private key if it was generated here. */
interface SealingKey {
  readonly recipient: string;
  /** Secret: sent once and not stored. `null`: the recipient is the caller's own. */
  readonly privateKey: string | null;
}

/** What tenants change about their periodic exports. The private key in an answer exists nowhere else. */
export interface PeriodicSettings {
  /** @throws WaybillError `not_found`, `already_enabled`, `recipient_kept`, `temporal_unavailable`; these change nothing */
  enable(caller: Caller, body: z.infer<typeof EnableBody>, logger: Logger): Promise<EnabledAnswer>;
  /**
   * Succeeds once the new recipient is in the ledger, even if a later step fails, because the key exists only in the answer.
   * @throws WaybillError `not_enabled`
   */
  rotate(caller: Caller, body: z.infer<typeof KeyBody>, logger: Logger): Promise<EnabledAnswer>;
}

interface EnableDeps extends Pick<ApiDeps, 'ledger' | 'catalog'> {
  readonly standing: StandingChanges;
}

export function createPeriodicSettings({ ledger, catalog, standing }: EnableDeps): PeriodicSettings {
  return {
    async enable({ tenant, actor }, body, logger) {
      if (offeredAt(catalog, 'periodic').length === 0) {
        throw new WaybillError('not_found', 'This deployment offers no periodic files. Ask the operator.');
      }
      const before = await ledger.standingOrders.find(tenant.key, 'periodic');
      if (before?.enabled) throw new WaybillError('already_enabled');
      const key = await sealingKey(body);
      const change = { ...changeOf(tenant.key, key, actor), recurrence: recurrenceOf(body, before) };
      const { outcome, standingOrder, started } = await standing.enable(change, logger);
      const recipient = standingOrder.recipient ?? key.recipient;
      const isResumed = outcome === 'resumed';
      return enabledAnswer({ recipient, privateKey: isResumed ? null : key.privateKey }, [
        isResumed && HINTS.resumed,
        !isResumed && key.privateKey === null && HINTS.ownRecipient,
        !started && HINTS.notTriggered,
      ]);
    },

    async rotate({ tenant, actor }, body, logger) {
      const key = await sealingKey(body);
      const { started, removed } = await standing.rotate(changeOf(tenant.key, key, actor), logger);
      return enabledAnswer(key, [
        key.privateKey === null && HINTS.ownRecipient,
        !started && HINTS.notTriggered,
        !removed && HINTS.notRemoved,
      ]);
    },
  };
}

/** Answers `POST /dataexport/enable`. The private key exists only in this response. */
export function enableHandler(settings: PeriodicSettings): RouteAnswer<typeof enablePeriodic> {
  return async function enable(c) {
    c.header('Cache-Control', 'no-store');
    assertOwn(c, c.req.valid('query').organisation);
    return c.json(await settings.enable(c.get('caller'), c.req.valid('json'), c.get('logger')));
  };
}

/** Answers `POST /dataexport/rotate`. */
export function rotateHandler(settings: PeriodicSettings): RouteAnswer<typeof rotatePeriodic> {
  return async function rotate(c) {
    c.header('Cache-Control', 'no-store');
    assertOwn(c, c.req.valid('query').organisation);
    return c.json(await settings.rotate(c.get('caller'), c.req.valid('json'), c.get('logger')));
  };
}

/** Answers `POST /dataexport/disable`. Idempotent; repeating it continues where it failed. */
export function disableHandler(standing: StandingChanges): RouteAnswer<typeof disablePeriodic> {
  return async function disable(c) {
    c.header('Cache-Control', 'no-store');
    const { deleteSettings, organisation } = c.req.valid('query');
    assertOwn(c, organisation);
    const { tenant, actor } = c.get('caller');
    if (deleteSettings) await standing.forget(tenant.key, actor);
    else await standing.disable(tenant.key, actor);
    return c.json({ enabled: false } satisfies DisabledAnswer);
  };
}

/** Generates a key, unless the caller sent a recipient. */
async function sealingKey({ recipient, postQuantum }: z.infer<typeof KeyBody>): Promise<SealingKey> {
  if (recipient !== undefined) return { recipient: parseRecipient(recipient), privateKey: null };
  const made = await generateKey({ postQuantum: postQuantum ?? false });
  return { recipient: made.recipient, privateKey: made.identity };
}

function changeOf(tenant: string, { recipient, privateKey }: SealingKey, actor: string) {
  return { tenant, recipient, ownRecipient: privateKey === null, actor };
}

/** @returns the run time, with the previous value for a missing time or time zone */
function recurrenceOf({ at, timeZone }: z.infer<typeof EnableBody>, before: StandingOrder | undefined) {
  if (at === undefined && timeZone === undefined) return undefined;
  return { at: at ?? before?.recurrence?.at ?? null, timeZone: timeZone ?? before?.recurrence?.timeZone ?? null };
}

function enabledAnswer({ recipient, privateKey }: SealingKey, hints: readonly (string | false)[]): EnabledAnswer {
  const hint = hints.filter((text) => text !== false).join(' ');
  return { enabled: true, privateKey, recipient, ...(hint !== '' && { hint }) };
}
