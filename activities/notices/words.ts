/** Controls, line separators and marks of text direction; not the joiners that scripts and emoji need. */
const UNPRINTABLE = /(?![\u200c\u200d])[\s\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu;

/** Turns foreign text into one line, so that it can add neither headers nor lines. */
export function oneLine(text: string): string {
  return text.replace(UNPRINTABLE, ' ').trim();
}

/** @param charactersMax maximum number of characters, including the ellipsis */
export function shortened(text: string, charactersMax: number): string {
  const characters = Array.from(text);
  return characters.length <= charactersMax ? text : `${characters.slice(0, charactersMax - 1).join('')}…`;
}

/** Such as `1 file` and `1,204 files`. */
export function counted(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'] as const;

/** Powers of 1,000 and three figures, such as `84.6 MB`. */
export function sizeText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 999.5 would become 1000 of the unit.
  for (; value >= 999.5 && unit < UNITS.length - 1; unit += 1) value /= 1000;
  const figures = unit === 0 ? String(value) : value.toPrecision(3);
  return `${figures}\u00a0${UNITS[unit]}`;
}

/** Such as `Wednesday 23 December 2026, 22:14`. @param timeZone IANA name */
export function momentText(at: Date, timeZone: string): string {
  const weekday = new Intl.DateTimeFormat('en-GB', { weekday: 'long', timeZone }).format(at);
  const time = new Intl.DateTimeFormat('en-GB', { timeStyle: 'short', timeZone }).format(at);
  return `${weekday} ${dayText(at, timeZone)}, ${time}`;
}

/** Such as `23 December 2026`. @param timeZone IANA name */
export function dayText(at: Date, timeZone: string): string {
  return new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone }).format(at);
}

/** Both days are included, such as `1 January to 31 October 2026`. @param from, to ISO 8601, in UTC */
export function windowText(from: string, to: string): string {
  const [first, last] = [new Date(from.slice(0, 10)), new Date(to.slice(0, 10))];
  const end = dayText(last, 'UTC');
  if (from.slice(0, 10) === to.slice(0, 10)) return end;
  const begin = dayText(first, 'UTC');
  return `${from.slice(0, 4) === to.slice(0, 4) ? begin.slice(0, -5) : begin} to ${end}`;
}
