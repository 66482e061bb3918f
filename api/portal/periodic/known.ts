import type { Progress } from '../../../contracts/progress.ts';
import type { PeriodicView } from '../../../contracts/views/periodic.ts';
import { findGeneration, generationView, type PeriodicState, periodicReader } from '../../periodic/status.ts';
import type { PortalContext } from '../environment.ts';
import type { PortalDeps } from '../tab.ts';

export type GenerationView = NonNullable<PeriodicView['generation']>;

/** What is known of the tenant's periodic exports. */
export interface KnownPeriodic extends PeriodicState {
  readonly progress: Progress | undefined;
  /** `undefined`: there is none; `unreadable`: the store of files does not answer, or the manifest was altered. */
  readonly generation: GenerationView | 'unreadable' | undefined;
}

/** How long a page that is kept up to date may show the same while nothing runs. Milliseconds. */
const IDLE_MS = 5000;

/** @param isStream whether the page is kept up to date, so that the same call comes every second */
export type ReadKnownPeriodic = (c: PortalContext, isStream?: boolean) => Promise<KnownPeriodic>;

export function knownPeriodicReader(deps: PortalDeps): ReadKnownPeriodic {
  const readState = periodicReader(deps);
  /** By the request of a stream. */
  const before = new WeakMap<PortalContext, { readonly at: number; readonly known: KnownPeriodic }>();

  return async function readKnownPeriodic(c, isStream = false) {
    const last = isStream ? before.get(c) : undefined;
    const at = deps.clock.now().getTime();
    if (last && !last.known.running && at - last.at < IDLE_MS) return last.known;
    const state = await readState(c.get('caller').tenant.key, c.get('logger'));
    const isSame = last && last.known.standingOrder?.currentRunId === state.standingOrder?.currentRunId;
    const known = {
      ...state,
      progress: state.running && (await deps.runs.progress.read(state.running)),
      generation:
        isSame && last.known.generation !== 'unreadable' ? last.known.generation : await readGeneration(c, state),
    };
    if (isStream) before.set(c, { at, known });
    return known;
  };

  async function readGeneration(c: PortalContext, { standingOrder }: PeriodicState) {
    if (!standingOrder) return undefined;
    try {
      const found = await findGeneration(deps, standingOrder);
      return found && generationView(found, null);
    } catch (error) {
      // The page still has what the ledger knows; a download tells what is wrong.
      c.get('logger').warn({ err: error }, 'the manifest of a generation could not be read for its page');
      return 'unreadable' as const;
    }
  }
}
