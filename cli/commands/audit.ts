import { Command } from 'commander';
import { addExamples, addJsonOption, type Cli, printJson } from '../cli.ts';
import { withLedger } from '../ledger-access.ts';
import { parseCount } from '../order-options.ts';
import { formatTime } from '../screen/figures.ts';
import { formatTable, plain } from '../screen/terminal.ts';

interface Options {
  readonly tenant?: string;
  readonly limit: number;
  readonly json?: boolean;
}

export function auditCommand(cli: Cli): Command {
  const command = new Command('audit')
    .description('Show who did what, newest first (operators; needs WAYBILL_LEDGER_URL)')
    .option('--tenant <key>', 'only what concerns this tenant')
    .option('--limit <count>', 'at most this many lines', parseCount, 50);
  addJsonOption(command);
  addExamples(command, 'waybill audit --tenant acme --limit 200', 'waybill audit --json | jq .[].action');
  return command.action(async (options: Options) => {
    const entries = await withLedger(cli, (ledger) => ledger.audit.list(options.tenant ?? null, options.limit));
    if (options.json) return printJson(cli.terminal, entries);
    if (entries.length === 0) return cli.terminal.tell('Nothing has happened.');
    const columns = [{ title: 'AT (UTC)' }, { title: 'TENANT' }, { title: 'WHO' }, { title: 'WHAT' }, { title: 'RUN' }];
    const [head = '', ...lines] = formatTable(
      [...columns, { title: 'DETAIL' }],
      entries.map((entry) => [
        formatTime(entry.at.toISOString()),
        plain(entry.tenant ?? ''),
        plain(entry.actor),
        entry.action,
        entry.runId ?? '',
        Object.entries(entry.detail)
          .map(([name, value]) => `${plain(name)}=${plain(String(value))}`)
          .join(' '),
      ]),
    );
    for (const line of [cli.terminal.paint('dim', head), ...lines]) cli.terminal.print(line);
  });
}
