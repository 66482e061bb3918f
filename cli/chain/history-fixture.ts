import fc from 'fast-check';
import { type Cell, createTreeWriter, type DeliveredEntity, dayAt } from './chain-fixture.ts';

/** For tests: what happens to the rows of an entity between two runs. */
export interface Step {
  /** Rows that are written; `undefined`: deleted. */
  readonly changes: readonly { readonly id: number; readonly text: Cell | undefined }[];
  /** What the run does. `again` delivers the same day once more; `missing` fails; `paused` is a day without a run. */
  readonly run: 'next' | 'again' | 'missing' | 'paused' | 'full';
  /** Whether the entity has another column from now on. */
  readonly addsColumn: boolean;
}

const text: fc.Arbitrary<string> = fc.string({
  unit: fc.constantFrom('a', '"', ',', '\n', '\r', ' ', 'é', "'", '\\'),
  maxLength: 6,
});

const change: fc.Arbitrary<Step['changes'][number]> = fc.record({
  id: fc.nat(6),
  text: fc.oneof(fc.option(text), fc.option(text), fc.constant(undefined)),
});

/** Any history of one entity. */
export const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.record({
    changes: fc.array(change, { maxLength: 5 }),
    run: fc.oneof(
      { weight: 4, arbitrary: fc.constant('next' as const) },
      fc.constantFrom('again' as const, 'missing' as const, 'paused' as const, 'full' as const),
    ),
    addsColumn: fc.oneof({ weight: 5, arbitrary: fc.constant(false) }, fc.constant(true)),
  }),
  { minLength: 1, maxLength: 12 },
);

interface SourceRow {
  readonly cells: readonly Cell[];
  readonly changedAt: number;
  readonly isDeleted: boolean;
}

/** What the source had when an entity was delivered last. */
export interface Snapshot {
  readonly columns: readonly string[];
  /** By key. */
  readonly rows: ReadonlyMap<string, readonly Cell[]>;
}

type Window = Pick<DeliveredEntity, 'from' | 'to' | 'load'>;

/** Windows of the runs of one entity, as the server plans them. */
function createWindows() {
  let watermark: number | null = null;
  let last: Window | undefined;
  return {
    /** @param again whether the day that was delivered last is delivered once more */
    next(to: number, { again, full }: { readonly again: boolean; readonly full: boolean }): Window {
      if (full || watermark === null) last = { load: 'complete', from: null, to };
      else if (again && last?.to === watermark) last = { ...last, to };
      else last = { load: 'delta', from: watermark, to };
      watermark = to;
      return last;
    },
    /** The day has nothing of it. */
    skip() {
      last = undefined;
    },
  };
}

/**
 * Delivers a history as a server would, beside an entity `other` that is always delivered.
 *
 * @returns `undefined`: the entity was never delivered
 */
export function deliverHistory(root: string, history: readonly Step[], tenant = 'acme'): Snapshot | undefined {
  const writer = createTreeWriter(root, tenant);
  const rows = new Map<string, SourceRow>();
  const [windows, otherWindows] = [createWindows(), createWindows()];
  let columns: Readonly<Record<string, string>> = { id: 'integer', text: 'text' };
  let delivered: Snapshot | undefined;
  let day: number | undefined;
  for (const [index, { changes, run, addsColumn }] of history.entries()) {
    if (addsColumn) columns = { ...columns, [`extra${index}`]: 'text' };
    applyChanges(rows, index, Object.keys(columns).length, changes);
    if (run === 'paused') continue;
    const to = index * 24 + 12;
    const again = run === 'again' && day !== undefined;
    day = again && day !== undefined ? day : index;
    const otherWindow = otherWindows.next(to, { again, full: false });
    const other: DeliveredEntity = { entity: 'other', columns: { id: 'integer' }, rows: [['1']], ...otherWindow };
    if (run === 'missing') {
      windows.skip();
      writer.deliver(dayAt(day), [other], ['user']);
      continue;
    }
    const window = windows.next(to, { again, full: run === 'full' });
    const width = Object.keys(columns).length;
    const cellsOf = ({ cells }: SourceRow) => Array.from({ length: width }, (_, place) => cells[place] ?? null);
    const changed = [...rows].filter(([, row]) => window.from === null || row.changedAt >= window.from);
    const deleted = changed.flatMap(([id, { isDeleted }]) => (isDeleted ? [id] : []));
    const user = { entity: 'user', columns, ...window, rows: changed.map(([, row]) => cellsOf(row)), deleted };
    writer.deliver(dayAt(day), [other, user]);
    const present = [...rows].filter(([, row]) => !row.isDeleted);
    delivered = { columns: Object.keys(columns), rows: new Map(present.map(([id, row]) => [id, cellsOf(row)])) };
  }
  return delivered;
}

function applyChanges(rows: Map<string, SourceRow>, step: number, width: number, changes: Step['changes']): void {
  for (const [place, { id, text: value }] of changes.entries()) {
    const key = String(id);
    const extra = Array.from({ length: width - 2 }, (_, at) => (at % 2 === 0 ? `${step}` : null));
    const cells = value === undefined ? (rows.get(key)?.cells ?? [key, null]) : [key, value, ...extra];
    rows.set(key, { cells, changedAt: step * 24 + 1 + place, isDeleted: value === undefined });
  }
}
