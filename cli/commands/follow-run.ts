import type { PeriodicView } from '../../contracts/views/periodic.ts';
import type { Cli } from '../cli.ts';
import { CliFailure, EXIT } from '../failure.ts';
import type { Client } from '../http/client.ts';
import { type RunEnd, watchRun } from '../http/watch-periodic.ts';
import { createProgressDisplay } from '../screen/progress-display.ts';
import { exportLine } from '../screen/progress-line.ts';

const POLL_MS = 1_000;

export interface FollowRunOptions {
  readonly client: Client;
  /** Runs that are not the one to be followed. */
  readonly earlier: ReadonlySet<string>;
  readonly signal: AbortSignal;
  /** Shows nothing, for scripts. */
  readonly quiet: boolean;
}

/**
 * Shows a run's progress until it has ended.
 *
 * @throws CliFailure `interrupted` on Ctrl-C: the run goes on.
 */
export async function followRun(
  cli: Cli,
  { client, earlier, signal, quiet }: FollowRunOptions,
): Promise<{ readonly view: PeriodicView; readonly end: RunEnd }> {
  const display = createProgressDisplay(cli.terminal, quiet);
  const begun = performance.now();
  try {
    for await (const { view, end } of watchRun(client, earlier, { pollMs: POLL_MS, signal })) {
      const progress = view.running?.progress ?? null;
      if (progress !== null) display.show(exportLine('periodic', progress, (performance.now() - begun) / 1000));
      if (end !== undefined) return { view, end };
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    display.stop();
    throw new CliFailure(EXIT.interrupted, 'You stopped watching; the run goes on.', {
      lines: ['watch again:  waybill periodic status --watch'],
    });
  } finally {
    display.stop();
  }
  throw new CliFailure(EXIT.unreachable, 'Waybill stopped telling how the run gets on.');
}
