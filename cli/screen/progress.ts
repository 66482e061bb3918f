import { SingleBar } from 'cli-progress';
import type { Progress } from '../../contracts/progress.ts';
import { formatBytes, formatCount, formatSeconds } from './figures.ts';
import type { Terminal } from './terminal.ts';

const BAR_WIDTH_MAX = 24;
const BAR_WIDTH_MIN = 8;
/** U+2501 with U+2578 at its end, and U+2500: the bar moves in halves of a column. */
const FULL = '━';
const HALF = '╸';
const EMPTY = '─';

export interface ProgressLine {
  /** In front of the bar. */
  readonly label: string;
  readonly percent: number;
  /** Behind the bar, the most important first; those that do not fit are left out. */
  readonly figures: readonly string[];
}

/** @param seconds elapsed so far */
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

/** The progress of a run as a field of a page: the bar and its figures, unpainted. */
export function progressText(progress: Progress, startedAt: string): string {
  const seconds = (Date.now() - Date.parse(startedAt)) / 1000;
  return renderLine(exportLine('', progress, seconds), COLUMNS_DEFAULT, (bar, rest) => bar + rest).trim();
}

/** Shows progress: a bar in a terminal, a line every few percent elsewhere, or nothing. */
export interface ProgressDisplay {
  show(line: ProgressLine): void;
  /** Leaves the last state on the screen and restores the cursor. */
  stop(): void;
}

/** Percentage points between two lines of a log that is not a terminal. */
const LOG_STEP = 10;
const COLUMNS_DEFAULT = 80;

/** @param quiet shows nothing, for scripts */
export function createProgressDisplay(terminal: Terminal, quiet: boolean): ProgressDisplay {
  if (quiet) return { show: () => undefined, stop: () => undefined };
  return terminal.interactive ? createBar(terminal) : createLog(terminal);
}

/** Receives the progress of a transfer. @param bytesTotal `null`: not known */
export type ShowTransfer = (bytesDone: number, bytesTotal: number | null) => void;

/** Shows the bytes, rate and time of a transfer while `work` runs. */
export async function displayTransfer<Result>(
  terminal: Terminal,
  { label, quiet }: { readonly label: string; readonly quiet: boolean },
  work: (show: ShowTransfer) => Promise<Result>,
): Promise<Result> {
  const display = createProgressDisplay(terminal, quiet);
  const begun = performance.now();
  try {
    return await work((bytesDone, bytesTotal) =>
      display.show(transferLine(label, bytesDone, bytesTotal, (performance.now() - begun) / 1000)),
    );
  } finally {
    display.stop();
  }
}

function createBar(terminal: Terminal): ProgressDisplay {
  let current: ProgressLine = { label: '', percent: 0, figures: [] };
  let started = false;
  const paint = (bar: string, rest: string) => terminal.paintLog('cyan', bar) + terminal.paintLog('dim', rest);
  const bar = new SingleBar({
    format: () => renderLine(current, terminal.errors.columns || COLUMNS_DEFAULT, paint),
    stream: terminal.errors,
    hideCursor: true,
    linewrap: false,
    gracefulExit: false,
    fps: 10,
  });
  return {
    show(line) {
      current = line;
      if (started) bar.update(line.percent);
      else bar.start(100, line.percent);
      started = true;
    },
    stop() {
      if (started) bar.stop();
      started = false;
    },
  };
}

function createLog(terminal: Terminal): ProgressDisplay {
  let nextPercent = 0;
  return {
    show(line) {
      if (line.percent < nextPercent) return;
      nextPercent = (Math.floor(line.percent / LOG_STEP) + 1) * LOG_STEP;
      terminal.log([line.label, `${Math.floor(line.percent)} %`, ...line.figures].join('  '));
    },
    stop: () => undefined,
  };
}
