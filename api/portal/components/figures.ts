import { html } from 'hono/html';
import type { Markup } from '../shell/markup.ts';

/** @returns the digits in groups of three, for example 512,904 */
export function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, ',');
}

/**
 * @param many the unit of several; absent: with an s
 * @returns for example "1 row" or "512,904 rows". The number does not break from its unit.
 */
export function counted(value: number, unit: string, many = `${unit}s`): string {
  return `${grouped(value)}\u00A0${value === 1 ? unit : many}`;
}

const UNITS = ['kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** Powers of 1,000, three figures. @returns for example "84.6 MB" */
export function sizeText(bytes: number): string {
  if (bytes < 1000) return counted(bytes, 'byte');
  let value = bytes;
  let unit = -1;
  do {
    value /= 1000;
    unit += 1;
    // 999.5 would be rounded to four figures.
  } while (value >= 999.5 && unit < UNITS.length - 1);
  const digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  return `${value.toFixed(digits)}\u00A0${UNITS[unit]}`;
}

/** A size with its exact bytes. */
export function size(bytes: number): Markup {
  return html`<abbr title="${counted(bytes, 'byte')}">${sizeText(bytes)}</abbr>`;
}

/** Time left of work that has taken `elapsedMs` for a share of it. @returns "about 2 min left", or `undefined` if unknown */
export function timeLeft(elapsedMs: number, percent: number): string | undefined {
  if (percent < 1 || percent >= 100 || elapsedMs < 1000) return undefined;
  const seconds = (elapsedMs / percent / 1000) * (100 - percent);
  if (seconds < 10) return 'a few seconds left';
  if (seconds < 90) return `about ${Math.ceil(seconds / 10) * 10}\u00A0s left`;
  if (seconds < 5400) return `about ${Math.round(seconds / 60)}\u00A0min left`;
  return `about ${Math.round(seconds / 3600)}\u00A0h left`;
}

/** How long something took. @returns for example "6 min 29 s" */
export function durationText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds}\u00A0s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}\u00A0min ${seconds % 60}\u00A0s`;
  return `${Math.floor(minutes / 60)}\u00A0h ${minutes % 60}\u00A0min`;
}
