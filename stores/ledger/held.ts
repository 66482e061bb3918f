import type { Transaction } from 'kysely';
import type { Failure } from '../../contracts/failures.ts';
import { storable } from './database.ts';
import { leaveNotice } from './notices.ts';
import type { StandingOrderRow } from './standing-orders.ts';
import type { Run, Tables } from './tables.ts';
import { dataOf, oweEvents } from './webhook-events.ts';

/** A dataset that is held from now on, and why. */
export interface HeldDataset {
  readonly dataset: string;
  readonly failure: Failure;
}

/**
 * Owes the contacts a notice and the webhook an event about datasets that a run has found to have changed.
 *
 * @param run `undefined`: nothing else was new, so there is none; then only the event is owed, and a later run tells the contacts
 */
export async function noteHeld(
  db: Transaction<Tables>,
  { tenant, kind }: StandingOrderRow,
  held: readonly HeldDataset[],
  run: Run | undefined,
): Promise<void> {
  const [first] = held;
  if (!first) return;
  const data = run ? dataOf(run) : { tenant, kind, exportId: null };
  const told = held.map(({ dataset, failure }) => ({ dataset, ...failure }));
  await oweEvents(db, { type: 'export.held', tenant, runId: run?.runId ?? null, data: { ...data, held: told } });
  if (!run) return;
  const message = storable(held.map(({ failure }) => failure.message).join(' '));
  const failure = JSON.stringify({ code: first.failure.code, message });
  await leaveNotice(db, { tenant, kind: 'held', runId: run.runId, failingSince: new Date(), failure });
}
