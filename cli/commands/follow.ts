import { isActive } from '../../contracts/progress.ts';
import type { ExportView } from '../../contracts/views/on-demand.ts';
import type { PeriodicView } from '../../contracts/views/periodic.ts';
import type { Cli } from '../cli.ts';
import { CliFailure, EXIT } from '../failure.ts';
import type { Client } from '../http/client.ts';
import { type RunEnd, watchExport, watchRun } from '../http/watch.ts';
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
 * @returns how it ended.
 * @throws CliFailure `interrupted` on Ctrl-C: the export goes on.
 */
export async function followExport(cli: Cli, id: string, options: FollowOptions): Promise<ExportView> {
  const views = watchExport(options.client, id, { pollMs: POLL_MS, signal: options.signal });
  const last = await follow(cli, views, options, {
    line: ({ dataset, progress }, seconds) => exportLine(plain(dataset), progress, seconds),
    what: 'export',
    hints: (seen) => {
      const name = seen?.exportId ?? id;
      return [`watch again:  waybill exports show ${name} --watch`, `cancel it:    waybill exports cancel ${name}`];
    },
  });
  if (last === undefined || isActive(last.state)) throw stoppedReporting('export');
  return last;
}

/**
 * Shows a periodic run's progress until it has ended.
 *
 * @param earlier runs that are not the one to be followed.
 * @throws CliFailure `interrupted` on Ctrl-C: the run goes on.
 */
export async function followRun(
  cli: Cli,
  earlier: ReadonlySet<string>,
  options: FollowOptions,
): Promise<{ readonly view: PeriodicView; readonly end: RunEnd }> {
  const looks = watchRun(options.client, earlier, { pollMs: POLL_MS, signal: options.signal });
  const last = await follow(cli, looks, options, {
    line: ({ view: { running } }, seconds) =>
      running?.progress ? exportLine('periodic', running.progress, seconds) : undefined,
    what: 'run',
    hints: () => ['watch again:  waybill periodic status --watch'],
  });
  if (last?.end === undefined) throw stoppedReporting('run');
  return { view: last.view, end: last.end };
}

interface Followed<Seen> {
  /** @param seconds since the watching began. */
  line(seen: Seen, seconds: number): ProgressLine | undefined;
  readonly what: 'export' | 'run';
  /** What to do after Ctrl-C. */
  hints(last: Seen | undefined): readonly string[];
}

async function follow<Seen>(
  cli: Cli,
  views: AsyncIterable<Seen>,
  { signal, quiet }: FollowOptions,
  { line, what, hints }: Followed<Seen>,
): Promise<Seen | undefined> {
  const display = createProgressDisplay(cli.terminal, quiet);
  const begun = performance.now();
  let last: Seen | undefined;
  try {
    for await (const seen of views) {
      last = seen;
      const shown = line(seen, (performance.now() - begun) / 1000);
      if (shown !== undefined) display.show(shown);
    }
    return last;
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new CliFailure(EXIT.interrupted, `Stopped watching; the ${what} continues.`, { lines: hints(last) });
  } finally {
    display.stop();
  }
}

function stoppedReporting(what: string): CliFailure {
  return new CliFailure(EXIT.unreachable, `Waybill stopped reporting the progress of the ${what}.`);
}
