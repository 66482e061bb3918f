import { html } from 'hono/html';
import type { Day } from '../../../contracts/recurrence.ts';
import { linkButton } from '../components/field.ts';
import { counted } from '../components/figures.ts';
import { type IconName, icon } from '../components/icon.ts';
import { empty } from '../components/notice.ts';
import { liveMark, panel, panelBody } from '../components/panel.ts';
import { state } from '../components/state.ts';
import type { Times } from '../components/times.ts';
import { PORTAL_PATH } from '../environment.ts';
import type { Content, Markup } from '../shell/markup.ts';
import {
  addMonths,
  type DayKind,
  type DayState,
  dayStates,
  dayText,
  type Month,
  monthText,
  weeksOf,
} from './calendar.ts';
import type { KnownRecurring } from './known.ts';

export const RECURRING_PATH = '/recurring';
export const RECURRING_ADDRESS = `${PORTAL_PATH}${RECURRING_PATH}`;

export function dayAddress(day: Day): string {
  return `${RECURRING_ADDRESS}/days/${day}`;
}

const ICONS: Readonly<Record<DayKind, IconName>> = {
  full: 'dot',
  ok: 'tick',
  late: 'warn',
  gap: 'cross',
  due: 'submitted',
};
const LEGEND: readonly (readonly [DayKind, string])[] = [
  ['full', 'Full load'],
  ['ok', 'Changes'],
  ['late', 'Failed, made up for later'],
  ['gap', 'Gap: rows are missing'],
  ['due', 'Due'],
];
/** Only unusual days are links, so that Tab passes quickly. */
const LINKED: ReadonlySet<DayKind> = new Set(['full', 'late', 'gap']);
const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

/** The deliveries of some months, in which a gap is seen. @param isNewest whether the page is kept up to date */
export function calendarPanel(known: KnownRecurring, times: Times, isNewest: boolean): Markup {
  const { months, monthRuns, runFiles, coverage, due, today } = known;
  const { gaps, lastDay, firstDay } = coverage;
  const states = dayStates({ runs: monthRuns, files: runFiles, gaps, due, lastDay });
  const first = months[0] ?? today;
  const last = months.at(-1) ?? today;
  const older = firstDay !== null && firstDay.slice(0, 7) < first;
  const newer = last < today.slice(0, 7);
  const tools = html`<span class="push row">${isNewest ? liveMark(RECURRING_ADDRESS) : ''}${older ? pageLink(addMonths(first, -1), 'Earlier') : ''}${newer ? pageLink(addMonths(last, 3), 'Later') : ''}</span>`;
  if (states.size === 0) {
    const content = empty(
      'No deliveries yet',
      'Once entities are registered, each day that is delivered appears here.',
    );
    return panel({ id: 'calendar', title: 'Deliveries', tools, content });
  }
  return panel({
    id: 'calendar',
    title: 'Deliveries',
    about: coverageText(known, times),
    tools,
    content: panelBody(
      html`<div class="months">${months.map((month) => monthTable(month, states))}</div>
<ul class="legend" aria-label="Legend">${LEGEND.map(([kind, text]) => html`<li><span class="day day--${kind}">${icon(ICONS[kind])}</span>${text}</li>`)}</ul>`,
    ),
  });
}

function pageLink(until: Month, label: string): Markup {
  return linkButton(`${RECURRING_ADDRESS}?${new URLSearchParams({ until })}`, { label, isSmall: true });
}

function coverageText({ coverage }: KnownRecurring, times: Times): Content {
  const { days, to, firstDay, gaps } = coverage;
  if (to === null || firstDay === null) return 'none yet';
  const open = gaps.filter(({ closedBy }) => closedBy === null);
  if (open.length > 0) {
    const entities = new Set(open.map(({ dataset }) => dataset)).size;
    return html`${state('failed', 'Gap')} ${counted(entities, 'entity', 'entities')} without the changes of some days`;
  }
  return html`${state('available', 'No gap')} in ${counted(days, 'day')}: windows join up to ${times.moment(new Date(`${to.slice(0, 23)}Z`))}`;
}

function monthTable(month: Month, states: ReadonlyMap<Day, DayState>): Markup {
  return html`<table class="cal"><caption>${monthText(month)}</caption><thead><tr>${WEEKDAYS.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead><tbody>${weeksOf(
    month,
  ).map(
    (week) => html`<tr>${week.map((day) => html`<td>${day === null ? '' : dayCell(day, states.get(day))}</td>`)}</tr>
`,
  )}</tbody></table>`;
}

function dayCell(day: Day, found: DayState | undefined): Markup {
  const number = Number(day.slice(8));
  if (!found) return html`<span class="day">${number}</span>`;
  const { kind, words } = found;
  const title = `${dayText(day)}: ${words}`;
  if (!LINKED.has(kind)) {
    return html`<span class="day day--${kind}" title="${title}">${number}<span class="vh">: ${words}</span>${icon(ICONS[kind])}</span>`;
  }
  const rest = title.slice(String(number).length);
  return html`<a class="day day--${kind}" href="${dayAddress(day)}" title="${title}">${number}<span class="vh">${rest}</span>${icon(ICONS[kind])}</a>`;
}
