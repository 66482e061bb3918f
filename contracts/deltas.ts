import type { Instant } from './instant.ts';
import type { Day } from './recurrence.ts';
import type { ChangeWindow } from './window.ts';

/** What a run of a standing order covers. */
export interface Period {
  /** The day that it delivers. */
  readonly day: Day;
  /** Changes before this moment are in it. */
  readonly end: Instant;
}

/** A registered dataset, and how far it has been delivered. */
export interface Registered {
  readonly dataset: string;
  /** Everything that changed before has been delivered; `null`: nothing has. */
  readonly watermark: Instant | null;
  /** Where complete loads begin; `null`: with the first row. */
  readonly startsFrom: Instant | null;
  /** Whether the tenant asked for another complete load. */
  readonly fullLoadDue: boolean;
}

/** What one run exports of a dataset. */
export interface FileWindow {
  readonly dataset: string;
  readonly window: ChangeWindow;
  /** Whether it is a complete load: it replaces what was delivered before. */
  readonly complete: boolean;
}

/**
 * Decides what a run exports. For each dataset, the windows of its runs tile: a delta begins where the last delivered window
 * ended, whatever came in between.
 *
 * Each day is delivered as a whole. If it has been delivered before, its files begin where they began, and so are replaced by
 * files that contain them; a file with nothing new is made again.
 *
 * @param delivered of the same day; empty: this is its first run
 * @returns empty: nothing is new
 */
export function planWindows(
  { end }: Pick<Period, 'end'>,
  registered: readonly Registered[],
  delivered: readonly FileWindow[],
): readonly FileWindow[] {
  const earlier = new Map(delivered.map((file) => [file.dataset, file]));
  const fresh = registered.flatMap((file) => nextWindow(file, end, earlier.get(file.dataset)) ?? []);
  if (fresh.length === 0) return [];
  const names = new Set(fresh.map(({ dataset }) => dataset));
  return [...fresh, ...delivered.filter(({ dataset }) => !names.has(dataset))];
}

/** @returns `undefined`: nothing is new */
function nextWindow(
  { dataset, watermark, startsFrom, fullLoadDue }: Registered,
  end: Instant,
  earlier: FileWindow | undefined,
): FileWindow | undefined {
  if (watermark === null || fullLoadDue) {
    // A watermark never moves back.
    const to = watermark !== null && watermark > end ? watermark : end;
    return { dataset, window: changes(startsFrom, to), complete: true };
  }
  if (end <= watermark) return undefined;
  if (earlier?.window.to === watermark) {
    return { dataset, window: changes(earlier.window.from, end), complete: earlier.complete };
  }
  return { dataset, window: changes(watermark, end), complete: false };
}

function changes(from: Instant | null, to: Instant): ChangeWindow {
  return { from, to, bounds: 'half-open' };
}
