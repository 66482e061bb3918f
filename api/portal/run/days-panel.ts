import { html } from 'hono/html';
import type { Instant } from '../../../contracts/instant.ts';
import type { ManifestFile } from '../../../contracts/manifest.ts';
import { counted, grouped } from '../components/figures.ts';
import { panel, panelBody } from '../components/panel.ts';
import { type Column, table, tableRow } from '../components/table.ts';
import { type Markup, NOTHING } from '../shell/markup.ts';

const DAY_MS = 86_400_000;
/** Units of the drawing; it is as wide as its panel, whatever the number of days. */
const HEIGHT = 140;
const STEP = 4;
const BAR = 3;
/** Days that are named below the drawing, and days without rows that are named in the panel's head. */
const LABELS_MAX = 6;
const NAMED_MAX = 3;

interface Day {
  /** `YYYY-MM-DD`, UTC. */
  readonly day: string;
  readonly rows: number;
}

/** Draws how many rows each day of the window has; nothing if they were not counted by day, or there is one day only. */
export function daysPanel(file: ManifestFile | undefined, snapshotAt: Instant): Markup {
  const days = file?.rowsByDay && allDays(file.window, snapshotAt, file.rowsByDay);
  if (!days || days.length < 2) return NOTHING;
  const top = niceCeiling(Math.max(...days.map(({ rows }) => rows)));
  return panel({
    id: 'days',
    title: 'Rows per day',
    about: `By created or modified time, days in UTC. ${emptyDays(days)}`,
    content:
      panelBody(html`<figure class="plot" aria-labelledby="days"><div class="plot__y" aria-hidden="true"><span>${grouped(top)}</span><span>${grouped(top / 2)}</span><span>0</span></div>
<svg viewBox="0 0 ${STEP * days.length} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${summary(days)}"><path d="M0 .5H${STEP * days.length}M0 ${HEIGHT / 2}H${STEP * days.length}" stroke="var(--line)" vector-effect="non-scaling-stroke"/>${days.map((day, place) => bar(day, place, top))}</svg>
<div class="plot__x" aria-hidden="true">${labelled(days).map(({ day }) => html`<span>${dayText(day)}</span>`)}</div></figure>
<details><summary>Show as a table</summary><div class="scroll" tabindex="0" role="region" aria-label="Rows per day as a table">${asTable(days)}</div></details>`),
  });
}

/** @returns every day of the window up to the snapshot: a coming day cannot have rows */
function allDays(
  window: ManifestFile['window'],
  snapshotAt: Instant,
  found: readonly Day[],
): readonly Day[] | undefined {
  if (window === null || window.from === null) return undefined;
  const rows = new Map(found.map((day) => [day.day, day.rows]));
  const last = [window.to.slice(0, 10), snapshotAt.slice(0, 10)].sort()[0] ?? '';
  const days: Day[] = [];
  for (let at = Date.parse(window.from.slice(0, 10)); at <= Date.parse(last); at += DAY_MS) {
    const day = new Date(at).toISOString().slice(0, 10);
    days.push({ day, rows: rows.get(day) ?? 0 });
  }
  return days;
}

function bar({ day, rows }: Day, place: number, top: number): Markup {
  const x = place * STEP;
  if (rows === 0) {
    return html`<rect class="none" x="${x}" y="0" width="${BAR}" height="${HEIGHT}"><title>${dayText(day)}: no rows</title></rect>`;
  }
  // A day with few rows is still seen.
  const height = Math.max(1, (rows / top) * HEIGHT);
  return html`<rect x="${x}" y="${(HEIGHT - height).toFixed(1)}" width="${BAR}" height="${height.toFixed(1)}"><title>${dayText(day)}: ${counted(rows, 'row')}</title></rect>`;
}

/** @returns the least even number of one, two, four, six or eight tens, hundreds and so on that is not below */
function niceCeiling(rows: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, rows))));
  const steps = unit === 1 ? [2, 4, 6, 8, 10] : [1, 2, 4, 6, 8, 10];
  return unit * (steps.find((step) => step * unit >= rows) ?? 10);
}

/** As many days as there is room for, each at the place where its name begins. */
function labelled(days: readonly Day[]): readonly Day[] {
  const count = Math.min(LABELS_MAX, days.length);
  return Array.from({ length: count }, (_, place) => days[Math.floor((place * days.length) / count)] as Day);
}

function emptyDays(days: readonly Day[]): string {
  const empty = days.filter(({ rows }) => rows === 0).map(({ day }) => dayText(day));
  const [only] = empty;
  if (only === undefined) return 'Every day has some.';
  if (empty.length === 1) return `One day has none: ${only}.`;
  if (empty.length <= NAMED_MAX) return `${empty.length} days have none: ${empty.join(', ')}.`;
  return `${empty.length} of ${days.length} days have none.`;
}

function summary(days: readonly Day[]): string {
  const filled = days.map(({ rows }) => rows).filter((rows) => rows > 0);
  const [first, last] = [days[0], days.at(-1)].map((day) => dayText(day?.day ?? ''));
  const range =
    filled.length === 0
      ? 'no rows'
      : `between ${grouped(Math.min(...filled))} and ${grouped(Math.max(...filled))} rows`;
  return `Rows per day from ${first} to ${last}: ${range}. ${emptyDays(days)}`;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

function dayText(day: string): string {
  return `${Number(day.slice(8))} ${MONTHS[Number(day.slice(5, 7)) - 1] ?? ''}`;
}

function asTable(days: readonly Day[]): Markup {
  const columns: readonly Column[] = [{ title: 'Day' }, { title: 'Rows', isNumber: true }];
  return table({
    caption: 'Rows per day',
    columns,
    isFlat: true,
    staysTable: true,
    rows: days.map(({ day, rows }) => tableRow(columns, [{ place: 'lead', content: day }, { content: grouped(rows) }])),
  });
}
