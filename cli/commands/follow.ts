import { isActive } from '../../contracts/progress.ts';
import type { ExportView } from '../../contracts/views/on-demand.ts';
import type { Cli } from '../cli.ts';
import { CliFailure, EXIT } from '../failure.ts';
import type { Client } from '../http/client.ts';
import { watchExport } from '../http/watch.ts';
import { createProgressDisplay } from '../screen/progress-display.ts';
import { exportLine } from '../screen/progress-line.ts';
import { plain } from '../screen/table.ts';

const POLL_MS = 1_000;

export interface FollowOptions {
  readonly client: Client;
  readonly id: string;
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
export async function followExport(cli: Cli, { client, id, signal, quiet }: FollowOptions): Promise<ExportView> {
  const display = createProgressDisplay(cli.terminal, quiet);
  const begun = performance.now();
  let last: ExportView | undefined;
  try {
    for await (const view of watchExport(client, id, { pollMs: POLL_MS, signal })) {
      last = view;
      display.show(exportLine(plain(view.dataset), view.progress, (performance.now() - begun) / 1000));
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    display.stop();
    const name = last?.exportId ?? id;
    throw new CliFailure(EXIT.interrupted, 'You stopped watching; the export goes on.', {
      lines: [`watch again:  waybill exports show ${name} --watch`, `cancel it:    waybill exports cancel ${name}`],
    });
  } finally {
    display.stop();
  }
  if (last === undefined || isActive(last.state)) {
    throw new CliFailure(EXIT.unreachable, 'Waybill stopped telling how the export gets on.');
  }
  return last;
}
