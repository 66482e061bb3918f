import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { readSomeSettings } from '../../config/settings.ts';
import { addExamples, addJsonOption, type Cli, parseCount, printJson, withLedger } from '../cli.ts';
import { EXIT } from '../failure.ts';
import { rebuildLedger } from '../rebuild.ts';
import { formatNumberOf, formatTime } from '../screen/figures.ts';
import { formatTable, plain } from '../screen/terminal.ts';

export function ledgerCommand(cli: Cli): Command {
  return new Command('ledger')
    .description('Migrate or rebuild the ledger (operators; needs WAYBILL_LEDGER_URL)')
    .addCommand(migrateCommand(cli))
    .addCommand(rebuildCommand(cli));
}

function migrateCommand(cli: Cli): Command {
  const command = new Command('migrate').description('Bring the schema up to date; may run in several places at once');
  return addJsonOption(command).action(async (options: { readonly json?: boolean }) => {
    await withLedger(cli, (ledger) => ledger.migrate());
    if (options.json) return printJson(cli.terminal, { migrated: true });
    cli.terminal.tell(`${cli.terminal.paintTold('green', '✓')} the ledger is up to date`);
  });
}

function rebuildCommand(cli: Cli): Command {
  const command = new Command('rebuild').description(
    'Restore exports and periodic files to the ledger from their manifests in the bucket (needs WAYBILL_OBJECTS_…)',
  );
  return addJsonOption(command).action(async (options: { readonly json?: boolean }) => {
    const { terminal } = cli;
    const settings = readSomeSettings(cli.environment, [
      'WAYBILL_OBJECTS_URL',
      'WAYBILL_OBJECTS_REGION',
      'WAYBILL_OBJECTS_BUCKET',
      'WAYBILL_OBJECTS_ACCESS_KEY',
      'WAYBILL_OBJECTS_SECRET_KEY',
    ]);
    // Loaded here because no other command needs it, and each would start later.
    const { createObjects } = await import('../../stores/objects/minio.ts');
    const objects = createObjects({
      url: settings.WAYBILL_OBJECTS_URL,
      region: settings.WAYBILL_OBJECTS_REGION,
      bucket: settings.WAYBILL_OBJECTS_BUCKET,
      accessKey: settings.WAYBILL_OBJECTS_ACCESS_KEY,
      secretKey: settings.WAYBILL_OBJECTS_SECRET_KEY,
    });
    const result = await withLedger(cli, async (ledger) => {
      await ledger.migrate();
      return rebuildLedger(ledger.runs, objects);
    });
    if (result.unreadable.length > 0) cli.endWith(EXIT.failed);
    if (options.json) return printJson(terminal, result);
    for (const { key, problem } of result.unreadable) {
      terminal.tell(`${terminal.paintTold('red', '✗')} ${key} is not a manifest: ${problem}`);
    }
    const { generations } = result;
    const found = formatNumberOf(result.manifests + generations.manifests, 'manifest');
    const restored = `${formatNumberOf(result.restored, 'export')} and ${formatNumberOf(generations.restored, 'generation')}`;
    terminal.print(`${found} found, ${restored} restored`);
  });
}

interface Options {
  readonly tenant?: string;
  readonly limit: number;
  readonly json?: boolean;
}

export function auditCommand(cli: Cli): Command {
  const command = new Command('audit')
    .description('Show who did what, newest first (operators; needs WAYBILL_LEDGER_URL)')
    .option('--tenant <key>', 'only entries of this tenant')
    .option('--limit <count>', 'at most this many lines', parseCount, 50);
  addJsonOption(command);
  addExamples(command, 'waybill audit --tenant acme --limit 200', 'waybill audit --json | jq .[].action');
  return command.action(async (options: Options) => {
    const entries = await withLedger(cli, (ledger) => ledger.audit.list(options.tenant ?? null, options.limit));
    if (options.json) return printJson(cli.terminal, entries);
    if (entries.length === 0) return cli.terminal.tell('No entries.');
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

const DOCTOR = fileURLToPath(new URL('../../stack/doctor.ts', import.meta.url));

/** The stack examines itself; it runs as a process because nobody imports it. */
export function doctorCommand(cli: Cli): Command {
  const command = new Command('doctor').description(
    'Show where each server of the local stack comes from, and whether it is healthy',
  );
  return addJsonOption(command).action(async (options: { readonly json?: boolean }) => {
    const child = spawn(process.execPath, [DOCTOR, ...(options.json ? ['--json'] : [])], { stdio: 'inherit' });
    const [code]: unknown[] = await once(child, 'close');
    cli.endWith(typeof code === 'number' ? code : 1);
  });
}
