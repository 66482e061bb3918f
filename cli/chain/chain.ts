import type { PublicKey } from '../../contracts/envelope.ts';
import type { ShowTransfer } from '../screen/progress.ts';
import { type DeliveredDay, type Problem, readDays } from './days.ts';
import { checkDayFiles } from './files.ts';
import { linkProblems, missingPredecessor } from './links.ts';
import type { DeliveredDays } from './place.ts';
import { type Coverage, coverWindows } from './windows.ts';

/** How far an entity is proven. */
export interface EntityReport extends Coverage {
  /**
   * `complete`: up to the last day; `ended`: up to an earlier one, because later manifests do not have it; `broken`: something
   * does not match.
   */
  readonly state: 'complete' | 'ended' | 'broken';
  /** The first problem that concerns it; `null`: none. */
  readonly firstProblem: Problem | null;
}

/** What the deliveries to one tenant prove. */
export interface ChainReport {
  readonly ok: boolean;
  /** `null`: no manifest can be used. */
  readonly tenant: string | null;
  readonly days: readonly DeliveredDay[];
  /** SHA-256 of a manifest that the first one follows and that is not here; `null`: the chain begins here. */
  readonly missingPredecessor: string | null;
  readonly entities: readonly EntityReport[];
  /** In the order of their days. */
  readonly problems: readonly Problem[];
}

/**
 * Checks everything that was delivered to a tenant: manifests, signatures, files, the links between the days, and the windows of each
 * entity.
 *
 * @param keys `undefined`: signatures are not checked
 * @throws CliFailure if the days are on a server that does not answer
 */
export async function checkChain(
  delivered: DeliveredDays,
  keys: readonly PublicKey[] | undefined,
  show: ShowTransfer = () => undefined,
): Promise<ChainReport> {
  const { days, problems: unusable } = await readDays(delivered, keys);
  const predecessor = missingPredecessor(days);
  const { coverage, problems: breaks } = coverWindows(days, predecessor !== null);
  const strays = delivered.strays.map((path): Problem => {
    return { path, day: null, entity: null, text: `${path} does not belong to any day.` };
  });
  const total = days.reduce((sum, { manifest }) => sum + manifest.bytes, 0);
  let done = 0;
  const damage: Problem[] = [];
  for (const day of days) {
    const found = await checkDayFiles(day, (bytes) => {
      done += bytes;
      show(done, total);
    });
    damage.push(...found);
  }
  const problems = [...strays, ...unusable, ...linkProblems(delivered.days, days), ...breaks, ...damage].sort(byDay);
  return {
    ok: problems.length === 0,
    tenant: days[0]?.manifest.tenant ?? null,
    days,
    missingPredecessor: predecessor,
    entities: coverage.map((entity) => entityReport(entity, days.at(-1)?.day, problems)),
    problems,
  };
}

function entityReport(coverage: Coverage, lastDay: string | undefined, problems: readonly Problem[]): EntityReport {
  const own = problems.find(({ day, entity }) => day !== null && (entity === null || entity === coverage.entity));
  const state = own ? 'broken' : coverage.lastDay === lastDay ? 'complete' : 'ended';
  return { ...coverage, state, firstProblem: own ?? null };
}

function byDay(one: Problem, other: Problem): number {
  const [first, second] = [one.day ?? '', other.day ?? ''];
  return first < second ? -1 : first > second ? 1 : 0;
}
