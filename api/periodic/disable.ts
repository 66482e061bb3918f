import type { DisabledAnswer } from '../../contracts/views/periodic.ts';
import type { ApiDeps } from '../deps.ts';
import type { RouteAnswer } from '../openapi.ts';
import { type DeleteDeps, deleteSettings } from './delete-settings.ts';
import { assertOwn } from './query.ts';
import type { disablePeriodic } from './routes.ts';

/** A run that is cancelled by a plain disable can publish nothing any more; so long its end is waited for. */
const END_MS = 2000;
/** Runs that are looked through for running ones; there is one at the most. */
const RUNS_SEEN = 20;

/** Answers `POST /dataexport/disable`. Repeating it is harmless, and goes on with what was not done. */
export function disableHandler(deps: DeleteDeps): RouteAnswer<typeof disablePeriodic> {
  return async function disable(c) {
    c.header('Cache-Control', 'no-store');
    const { deleteSettings: withFiles, organisation } = c.req.valid('query');
    assertOwn(c, organisation);
    const { tenant, actor } = c.get('caller');
    if (withFiles) await deleteSettings(deps, tenant.key, actor);
    else await switchOff(deps, tenant.key, actor);
    return c.json({ enabled: false } satisfies DisabledAnswer);
  };
}

async function switchOff(
  { ledger, temporal, syncSchedule }: Pick<ApiDeps, 'ledger' | 'temporal' | 'syncSchedule'>,
  tenant: string,
  actor: string,
): Promise<void> {
  const off = await ledger.standingOrders.disable({ tenant, kind: 'periodic' }, actor);
  if (!off) return;
  await syncSchedule(tenant);
  const { rows } = await ledger.runs.list(tenant, { kind: 'periodic' }, { cursor: null, limit: RUNS_SEEN });
  // In this order: a run that begins after somebody has enabled again is not the one to end.
  if ((await ledger.standingOrders.find(tenant, 'periodic'))?.version !== off.version) return;
  const running = rows.filter(({ state }) => state === 'running');
  await Promise.all(running.map((run) => temporal.cancel(run, END_MS)));
}
