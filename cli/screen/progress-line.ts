import type { Progress } from '../../contracts/progress.ts';
import { formatBytes, formatCount, formatSeconds } from './figures.ts';

const BAR_WIDTH_MAX = 24;
const BAR_WIDTH_MIN = 8;
/** U+2501 with U+2578 at its end, and U+2500: the bar moves in halves of a column. */
const FULL = '━';
const HALF = '╸';
const EMPTY = '─';

export interface ProgressLine {
  /** What it is about, in front of the bar. */
  readonly label: string;
  readonly percent: number;
  /** Figures behind the bar, the most important first; those that do not fit are left out. */
  readonly figures: readonly string[];
}

/** @param seconds since the watching began. */
export function exportLine(label: string, progress: Progress, seconds: number): ProgressLine {
  const { rowsDone, rowsTotal, contentBytes, partsDone, partsTotal, percent } = progress;
  const about = progress.final ? '' : '~';
  const rows =
    rowsTotal === null ? 'counting rows' : `${about}${formatCount(rowsDone)} / ${formatCount(rowsTotal)} rows`;
  const parts = partsTotal === null || partsTotal < 2 ? [] : [`${partsDone}/${partsTotal} parts`];
  return { label, percent, figures: [rows, formatBytes(contentBytes), formatSeconds(seconds), ...parts] };
}

/** @param bytesTotal `null` when it is not known. */
export function transferLine(
  label: string,
  bytesDone: number,
  bytesTotal: number | null,
  seconds: number,
): ProgressLine {
  const percent = bytesTotal === null ? 0 : bytesTotal === 0 ? 100 : (bytesDone / bytesTotal) * 100;
  const total = bytesTotal === null ? '' : ` / ${formatBytes(bytesTotal)}`;
  const rate = seconds >= 1 ? [`${formatBytes(bytesDone / seconds)}/s`] : [];
  return { label, percent, figures: [`${formatBytes(bytesDone)}${total}`, formatSeconds(seconds), ...rate] };
}

/**
 * One line that fits the terminal: `FLIGHTS ━━━━━╸──── 53 %  1,590,000 / 3,000,000 rows  512 MB`. The percentage is
 * rounded down, so that 100 means done.
 *
 * @param columns width of the terminal.
 */
export function renderLine(line: ProgressLine, columns: number, paint: (bar: string, rest: string) => string): string {
  const percent = Math.min(100, Math.max(0, line.percent));
  const shown = `${String(Math.floor(percent)).padStart(3)} %`;
  const fixed = line.label.length + 1 + 1 + shown.length;
  const figures: string[] = [];
  let width = fixed + BAR_WIDTH_MIN;
  for (const figure of line.figures) {
    width += figure.length + 2;
    if (width >= columns) break;
    figures.push(figure);
  }
  const used = fixed + figures.reduce((sum, figure) => sum + figure.length + 2, 0);
  const bar = renderBar(percent, Math.max(0, Math.min(BAR_WIDTH_MAX, columns - 1 - used)), paint);
  return [`${line.label} ${bar} ${shown}`, ...figures].join('  ');
}

/** @param percent 0 to 100. @param width in columns. */
export function renderBar(percent: number, width: number, paint: (bar: string, rest: string) => string): string {
  const halves = Math.floor((percent / 100) * width * 2);
  const bar = FULL.repeat(Math.floor(halves / 2)) + (halves % 2 === 1 ? HALF : '');
  return paint(bar, EMPTY.repeat(width - bar.length));
}
