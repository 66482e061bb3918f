import { SingleBar } from 'cli-progress';
import { type ProgressLine, renderLine, transferLine } from './progress-line.ts';
import type { Terminal } from './terminal.ts';

/** Shows how something gets on: a bar that is redrawn in a terminal, now and then a line elsewhere, or nothing. */
export interface ProgressDisplay {
  show(line: ProgressLine): void;
  /** Leaves the last state on the screen and gives the cursor back. */
  stop(): void;
}

/** Steps of percent at which a log that is not a terminal gets a line. */
const LOG_STEP = 10;
const COLUMNS_DEFAULT = 80;

/** @param quiet shows nothing, for scripts. */
export function createProgressDisplay(terminal: Terminal, quiet: boolean): ProgressDisplay {
  if (quiet) return { show: () => undefined, stop: () => undefined };
  return terminal.watched ? createBar(terminal) : createLog(terminal);
}

/** Shows how many bytes of a transfer are done, its rate and its time. */
export function createTransferDisplay(terminal: Terminal, label: string, quiet: boolean) {
  const display = createProgressDisplay(terminal, quiet);
  const begun = performance.now();
  return {
    /** @param bytesTotal `null`: not known */
    show: (bytesDone: number, bytesTotal: number | null) =>
      display.show(transferLine(label, bytesDone, bytesTotal, (performance.now() - begun) / 1000)),
    stop: () => display.stop(),
  };
}

function createBar(terminal: Terminal): ProgressDisplay {
  let current: ProgressLine = { label: '', percent: 0, figures: [] };
  let started = false;
  const paint = (bar: string, rest: string) => terminal.paintTold('cyan', bar) + terminal.paintTold('dim', rest);
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
      terminal.tell([line.label, `${Math.floor(line.percent)} %`, ...line.figures].join('  '));
    },
    stop: () => undefined,
  };
}
