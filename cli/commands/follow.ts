import type { ExportView } from '../../contracts/views/on-demand.ts';
import type { PeriodicView } from '../../contracts/views/periodic.ts';
import type { ExportJob } from '../../contracts/views/questionnaires.ts';
import type { RecurringRunView } from '../../contracts/views/recurring.ts';
import type { Cli } from '../cli.ts';
import { CliFailure, EXIT } from '../failure.ts';
import type { Client } from '../http/client.ts';
import {
  type EndedRun,
  type WatchOptions,
  watchArchive,
  watchExport,
  watchRecurringRun,
  watchRun,
} from '../http/watch.ts';
import { formatNumberOf, formatSeconds } from '../screen/figures.ts';
import { createProgressDisplay, exportLine, type ProgressLine } from '../screen/progress.ts';
import { plain } from '../screen/terminal.ts';

const POLL_MS = 1_000;

export interface FollowOptions {
  readonly client: Client;
  readonly signal: AbortSignal;
  /** Shows nothing, for scripts. */
  readonly quiet: boolean;
}

/**
 * Shows an export's progress until it has ended.
 *
 * @throws CliFailure `interrupted` on Ctrl-C; the export continues
 */
export function followExport(cli: Cli, id: string, options: FollowOptions): Promise<ExportView> {
  return follow(cli, options, {
    watch: (watching) => watchExport(options.client, id, watching),
    line: ({ dataset, progress }: ExportView, seconds) => exportLine(plain(dataset), progress, seconds),
    interrupted: 'Stopped watching; the export continues.',
    hints(last: ExportView | undefined) {
      const name = last?.exportId ?? id;
      return [`watch again:  waybill exports show ${name} --watch`, `cancel it:    waybill exports cancel ${name}`];
    },
  });
}

/**
 * Shows a periodic run's progress until it has ended.
 *
 * @param earlier runs to ignore
 * @throws CliFailure `interrupted` on Ctrl-C; the run continues
 */
export function followRun(cli: Cli, earlier: ReadonlySet<string>, options: FollowOptions): Promise<EndedRun> {
  return follow(cli, options, {
    watch: (watching) => watchRun(options.client, earlier, watching),
    line: ({ running }: PeriodicView, seconds) =>
      running?.progress ? exportLine('periodic', running.progress, seconds) : undefined,
    interrupted: 'Stopped watching; the run continues.',
    hints: () => ['watch again:  waybill periodic status --watch'],
  });
}

/**
 * Shows that a recurring run is under way until it has ended.
 *
 * @returns `undefined`: nothing was new, so there was no run
 * @throws CliFailure `interrupted` on Ctrl-C; the run continues
 */
export function followRecurring(cli: Cli, id: string, options: FollowOptions): Promise<RecurringRunView | undefined> {
  return follow(cli, options, {
    watch: (watching) => watchRecurringRun(options.client, id, watching),
    line: (run: RecurringRunView | undefined, seconds) => {
      const done = run !== undefined && run.state !== 'running';
      const entities = run ? [`${run.day}, ${formatNumberOf(run.files.length, 'file')}`] : ['waiting'];
      return { label: 'recurring', percent: done ? 100 : 0, figures: [...entities, formatSeconds(seconds)] };
    },
    interrupted: 'Stopped watching; the run continues.',
    hints: () => ['list runs:  waybill recurring runs'],
  });
}

/**
 * Shows the progress of an archive until its job has ended.
 *
 * @param path of the job
 * @throws CliFailure `interrupted` on Ctrl-C; the job continues
 */
export function followArchive(cli: Cli, path: string, options: FollowOptions): Promise<ExportJob> {
  return follow(cli, options, {
    watch: (watching) => watchArchive(options.client, path, watching),
    line: ({ Progress: percent }: ExportJob, seconds) => ({
      ...{ label: 'archive', percent, figures: [formatSeconds(seconds)] },
    }),
    interrupted: 'Stopped watching; the archive is still being made.',
    hints: () => ['The same command waits for it again.'],
  });
}

interface Followed<View, Result> {
  watch(options: WatchOptions<View>): Promise<Result>;
  /** @param seconds since watching began */
  line(view: View, seconds: number): ProgressLine | undefined;
  /** What to say on Ctrl-C. */
  readonly interrupted: string;
  /** @param last view received, if any */
  hints(last?: View): readonly string[];
}

async function follow<View, Result>(
  cli: Cli,
  { signal, quiet }: FollowOptions,
  { watch, line, interrupted, hints }: Followed<View, Result>,
): Promise<Result> {
  const display = createProgressDisplay(cli.terminal, quiet);
  const begun = performance.now();
  let last: View | undefined;
  function onView(view: View): void {
    last = view;
    const shown = line(view, (performance.now() - begun) / 1000);
    if (shown !== undefined) display.show(shown);
  }
  try {
    return await watch({ pollMs: POLL_MS, signal, onView });
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new CliFailure(EXIT.interrupted, interrupted, { lines: hints(last) });
  } finally {
    display.stop();
  }
}
