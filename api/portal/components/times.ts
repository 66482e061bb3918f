import { html } from 'hono/html';
import type { Instant } from '../../../contracts/instant.ts';
import type { Window } from '../../../contracts/window.ts';
import type { Markup } from '../shell/markup.ts';

/** Times of one page: in one zone, as seen at one moment. */
export interface Times {
  /** IANA name. */
  readonly zone: string;
  readonly now: Date;
  /** A past moment: "just now", "2 min ago", a clock time today, else "24 Nov 14:02". */
  ago(at: Date): Markup;
  /** How long ago a moment was: "20 s", "9 min", "3 h". */
  since(at: Date): Markup;
  /** A day and a clock time: "24 Nov 14:02". */
  moment(at: Date): Markup;
  /** The same to the second. */
  exact(at: Date): Markup;
  /** `YYYY-MM-DD` in the zone. */
  date(at: Date): string;
  /** A day: "31 Oct". */
  day(at: Date): Markup;
  /** When something begins: "at 22:00 today", else "24 Nov 22:00". */
  due(at: Date): Markup;
  /** A clock time to the second: "14:39:12". */
  clock(at: Date): Markup;
  /** A coming moment: "in 8 days", bold from 3 days on. */
  until(at: Date): Markup;
  /** A coming moment by its clock: "today at 03:00", "tomorrow at 03:00", else "24 Nov 03:00". */
  next(at: Date): Markup;
  /** "1 Jan – 30 Sep 2026" if it begins and ends with days, else both moments; "all" if it is open on both sides. */
  window(window: Window | null): string;
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A moment's fields in a zone. */
interface Fields {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly weekday: string;
  /** HH:MM:SS */
  readonly time: string;
}

/** @param zone IANA name, known to the runtime */
export function createTimes(zone: string, now: Date): Times {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone: zone,
    ...{ year: 'numeric', month: 'numeric', day: 'numeric', weekday: 'long' },
    ...{ hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' },
  });

  function fieldsOf(at: Date): Fields {
    const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
    return {
      year: Number(parts.year),
      month: Number(parts.month),
      day: Number(parts.day),
      weekday: parts.weekday ?? '',
      time: `${parts.hour}:${parts.minute}:${parts.second}`,
    };
  }

  const thisYear = fieldsOf(now).year;
  const dayText = ({ year, month, day }: Fields, withYear = year !== thisYear) =>
    `${day} ${MONTHS[month - 1]}${withYear ? ` ${year}` : ''}`;
  const isToday = (at: Date) => dayText(fieldsOf(at), true) === dayText(fieldsOf(now), true);

  function element(at: Date, text: string, isBold = false): Markup {
    const fields = fieldsOf(at);
    const title = `${fields.weekday} ${dayText(fields, true)}, ${fields.time} ${zone}; ${at.toISOString().slice(0, 19)}Z`;
    const time = html`<time datetime="${at.toISOString()}" title="${title}">${text}</time>`;
    return isBold ? html`<strong>${time}</strong>` : time;
  }

  function momentText(at: Date, seconds: boolean): string {
    const fields = fieldsOf(at);
    return `${dayText(fields)} ${seconds ? fields.time : fields.time.slice(0, 5)}`;
  }

  function agoText(at: Date): string {
    const ms = now.getTime() - at.getTime();
    if (ms < 45_000) return 'just now';
    if (ms < HOUR_MS) return `${Math.max(1, Math.round(ms / MINUTE_MS))}\u00A0min ago`;
    return isToday(at) ? fieldsOf(at).time.slice(0, 5) : momentText(at, false);
  }

  function nextText(at: Date): string {
    const { time } = fieldsOf(at);
    const days = dayNumber(fieldsOf(at)) - dayNumber(fieldsOf(now));
    if (days > 1) return momentText(at, false);
    return `${days === 1 ? 'tomorrow' : 'today'} at ${time.slice(0, 5)}`;
  }

  function untilText(ms: number): string {
    if (ms < 0) return 'now';
    if (ms < HOUR_MS) return `in ${Math.max(1, Math.round(ms / MINUTE_MS))}\u00A0min`;
    if (ms < DAY_MS) return `in ${Math.round(ms / HOUR_MS)}\u00A0h`;
    const days = Math.round(ms / DAY_MS);
    return `in ${days}\u00A0day${days === 1 ? '' : 's'}`;
  }

  return {
    zone,
    now,
    ago: (at) => element(at, agoText(at)),
    since: (at) => element(at, sinceText(now.getTime() - at.getTime())),
    moment: (at) => element(at, momentText(at, false)),
    exact: (at) => element(at, momentText(at, true)),
    date: (at) => {
      const { year, month, day } = fieldsOf(at);
      return [String(year).padStart(4, '0'), ...[month, day].map((part) => String(part).padStart(2, '0'))].join('-');
    },
    day: (at) => element(at, dayText(fieldsOf(at))),
    due: (at) => element(at, isToday(at) ? `at ${fieldsOf(at).time.slice(0, 5)} today` : momentText(at, false)),
    clock: (at) => element(at, fieldsOf(at).time),
    until: (at) => {
      const ms = at.getTime() - now.getTime();
      return element(at, untilText(ms), ms < 3 * DAY_MS);
    },
    next: (at) => element(at, nextText(at)),
    window: (window) => windowText(window, fieldsOf),
  };
}

function dayNumber({ year, month, day }: Fields): number {
  return Date.UTC(year, month - 1, day) / DAY_MS;
}

function sinceText(ms: number): string {
  if (ms < MINUTE_MS) return `${Math.max(0, Math.round(ms / 1000))}\u00A0s`;
  if (ms < HOUR_MS) return `${Math.round(ms / MINUTE_MS)}\u00A0min`;
  return ms < 2 * DAY_MS ? `${Math.round(ms / HOUR_MS)}\u00A0h` : `${Math.round(ms / DAY_MS)}\u00A0days`;
}

/** From this year on, and before that one, a window counts as open: forms leave an end empty for all rows. */
const OPEN_FROM = '0002-01-01';
const OPEN_TO = '9999-12-31';

function windowText(window: Window | null, fieldsOf: (at: Date) => Fields): string {
  if (window === null) return 'all';
  const from = window.from === null || window.from < OPEN_FROM ? null : window.from;
  const to = window.to >= OPEN_TO ? null : window.to;
  if (from === null && to === null) return 'all';
  const first = from === null ? null : fieldsOf(dateOf(from));
  // The last moment that is inside.
  const isInclusive = window.bounds === 'inclusive';
  const last = to === null ? null : fieldsOf(new Date(dateOf(to).getTime() - (isInclusive ? 0 : 1)));
  const starts = first === null || first.time === '00:00:00';
  const ends = last === null || (last.time === '23:59:59' && (!isInclusive || endsSecond(to)));
  if (starts && ends) return daysText(first, last);
  const both = (fields: Fields | null, at: Instant | null) =>
    fields === null ? '' : `${yearDay(fields)} ${shortTime(at === null ? fields.time : fieldsOf(dateOf(at)).time)}`;
  if (first === null) return `up to ${both(last, to)}`;
  if (last === null) return `from ${both(first, from)}`;
  return `${both(first, from)} – ${both(last, to)}`;
}

function dateOf(instant: Instant): Date {
  return new Date(`${instant.slice(0, 23)}Z`);
}

function endsSecond(to: Instant | null): boolean {
  return to === null || to.slice(20, 23) === '999';
}

function shortTime(time: string): string {
  return time.endsWith(':00') ? time.slice(0, 5) : time;
}

function yearDay({ year, month, day }: Fields): string {
  return `${day} ${MONTHS[month - 1]} ${year}`;
}

function daysText(first: Fields | null, last: Fields | null): string {
  if (first === null) return last === null ? 'all' : `up to ${yearDay(last)}`;
  if (last === null) return `from ${yearDay(first)}`;
  if (yearDay(first) === yearDay(last)) return yearDay(first);
  const sameYear = first.year === last.year;
  const begin =
    sameYear && first.month === last.month
      ? String(first.day)
      : `${first.day} ${MONTHS[first.month - 1]}${sameYear ? '' : ` ${first.year}`}`;
  return `${begin} – ${yearDay(last)}`;
}
