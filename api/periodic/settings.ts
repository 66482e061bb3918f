import type { z } from '@hono/zod-openapi';
import { offeredAt } from '../../config/dataset.ts';
import { WaybillError } from '../../contracts/failures.ts';
import type { DisabledAnswer, EnableBody, EnabledAnswer, KeyBody } from '../../contracts/views/periodic.ts';
import type { StandingOrder } from '../../stores/ledger/ports.ts';
import { generateKey, parseRecipient } from '../../streams/age/keys.ts';
import type { ApiDeps } from '../deps.ts';
import type { RouteAnswer } from '../openapi.ts';
import type { StandingChanges } from '../runs/standing.ts';
import { assertOwn } from './input.ts';
import type { disablePeriodic, enablePeriodic, rotatePeriodic } from './routes.ts';

/** Added to answers with a key where something differs from what a caller may expect. */
const HINTS = {
  resumed:
    'Resumed under the recipient of before: the private key that you have goes on opening the files. ' +
    'If it is lost, rotate to get a new one.',
  ownRecipient: 'The files are sealed to your own recipient: only the private key that you keep opens them.',
  notTriggered: 'The run that makes the files could not be started now; the next nightly run makes them.',
  notRemoved: 'Files that the old key opens are no longer offered, and are removed as soon as the store answers.',
} as const;

/** A recipient to seal to, and the private key where it was made here. */
interface SealingKey {
  readonly recipient: string;
  /** Secret: answered once, and stored nowhere. `null`: the caller brought the recipient. */
  readonly privateKey: string | null;
}

interface EnableDeps extends Pick<ApiDeps, 'ledger' | 'catalog'> {
  readonly standing: StandingChanges;
}

/** Answers `POST /dataexport/enable`. The private key is in this answer and nowhere else. */
export function enableHandler({ ledger, catalog, standing }: EnableDeps): RouteAnswer<typeof enablePeriodic> {
  return async function enable(c) {
    c.header('Cache-Control', 'no-store');
    const body = c.req.valid('json');
    assertOwn(c, c.req.valid('query').organisation);
    if (offeredAt(catalog, 'periodic').length === 0) {
      throw new WaybillError('not_found', 'This deployment offers no periodic files. Ask the operator.');
    }
    const { tenant, actor } = c.get('caller');
    const before = await ledger.standingOrders.find(tenant.key, 'periodic');
    if (before?.enabled) throw new WaybillError('already_enabled');
    const key = await sealingKey(body);
    const change = { ...changeOf(tenant.key, key, actor), recurrence: recurrenceOf(body, before) };
    const { outcome, standingOrder, started } = await standing.enable(change, c.get('logger'));
    const { privateKey, recipient } = key;
    const isResumed = outcome === 'resumed';
    return c.json(
      enabledAnswer({ recipient: standingOrder.recipient ?? recipient, privateKey: isResumed ? null : privateKey }, [
        isResumed && HINTS.resumed,
        !isResumed && privateKey === null && HINTS.ownRecipient,
        !started && HINTS.notTriggered,
      ]),
    );
  };
}

/**
 * Answers `POST /dataexport/rotate`. Once the ledger has the new recipient, the answer is 200 whatever fails: the key in
 * it exists nowhere else.
 */
export function rotateHandler(standing: StandingChanges): RouteAnswer<typeof rotatePeriodic> {
  return async function rotate(c) {
    c.header('Cache-Control', 'no-store');
    const body = c.req.valid('json');
    assertOwn(c, c.req.valid('query').organisation);
    const { tenant, actor } = c.get('caller');
    const key = await sealingKey(body);
    const { started, removed } = await standing.rotate(changeOf(tenant.key, key, actor), c.get('logger'));
    return c.json(
      enabledAnswer(key, [
        key.privateKey === null && HINTS.ownRecipient,
        !started && HINTS.notTriggered,
        !removed && HINTS.notRemoved,
      ]),
    );
  };
}

/** Answers `POST /dataexport/disable`. Repeating it is harmless, and continues what was not done. */
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

/** Makes a key, or takes the recipient that the caller brought. */
async function sealingKey({ recipient, postQuantum }: z.infer<typeof KeyBody>): Promise<SealingKey> {
  if (recipient !== undefined) return { recipient: parseRecipient(recipient), privateKey: null };
  const made = await generateKey({ postQuantum: postQuantum ?? false });
  return { recipient: made.recipient, privateKey: made.identity };
}

function changeOf(tenant: string, { recipient, privateKey }: SealingKey, actor: string) {
  return { tenant, recipient, ownRecipient: privateKey === null, actor };
}

/** Half a run time leaves the other half as it was. */
function recurrenceOf({ at, timeZone }: z.infer<typeof EnableBody>, before: StandingOrder | undefined) {
  if (at === undefined && timeZone === undefined) return undefined;
  return { at: at ?? before?.recurrence?.at ?? null, timeZone: timeZone ?? before?.recurrence?.timeZone ?? null };
}

function enabledAnswer({ recipient, privateKey }: SealingKey, hints: readonly (string | false)[]): EnabledAnswer {
  const hint = hints.filter((text) => text !== false).join(' ');
  return { enabled: true, privateKey, recipient, ...(hint !== '' && { hint }) };
}
