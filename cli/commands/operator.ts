import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { readSomeSettings } from '../../config/settings.ts';
import { addExamples, addJsonOption, type Cli, type JsonOption, parseCount, withLedger } from '../cli.ts';
import { EXIT } from '../failure.ts';
import { rebuildLedger } from '../rebuild.ts';
import { formatNumberOf, formatTime } from '../screen/figures.ts';
import { plain, tableLines } from '../screen/terminal.ts';

export function ledgerCommand(cli: Cli): Command {
  return new Command('ledger')
    .description('Migrate or rebuild the ledger (operators; needs WAYBILL_LEDGER_URL)')
    .addCommand(migrateCommand(cli))
    .addCommand(rebuildCommand(cli));
}

function migrateCommand(cli: Cli): Command {
  const command = new Command('migrate').description('Bring the schema up to date; may run in several places at once');
  return addJsonOption(command).action(async (options: JsonOption) => {
    await withLedger(cli, (ledger) => ledger.migrate());
    if (options.json) return cli.terminal.printJson({ migrated: true });
    cli.terminal.logDone('the ledger is up to date');
  });
}

function rebuildCommand(cli: Cli): Command {
  const command = new Command('rebuild').description(
    'Restore exports and periodic files to the ledger from their manifests in the bucket (needs WAYBILL_OBJECTS_…)',
  );
  return addJsonOption(command).action(async (options: JsonOption) => {
    const { terminal } = cli;
    const settings = readSomeSettings(cli.environment, [
      'WAYBILL_OBJECTS_URL',
      'WAYBILL_OBJECTS_REGION',
      'WAYBILL_OBJECTS_BUCKET',
      'WAYBILL_OBJECTS_ACCESS_KEY',
      'WAYBILL_OBJECTS_SECRET_KEY',
    ]);
    // Imported on demand: no other command needs it, and all start faster.
    const { createObjects, objectsOptions } = await import('../../stores/objects/minio.ts');
    const objects = createObjects(objectsOptions(settings));
    const result = await withLedger(cli, async (ledger) => {
      await ledger.migrate();
      return rebuildLedger(ledger.runs, objects);
    });
    if (result.unreadable.length > 0) cli.endWith(EXIT.failed);
    if (options.json) return terminal.printJson(result);
    for (const { key, problem } of result.unreadable) {
      terminal.log(`${terminal.paintLog('red', '✗')} ${key} is not a manifest: ${problem}`);
    }
    const { generations, deliveries, archives, requests } = result;
    const manifests = [result, generations, deliveries, archives, requests].reduce(
      (sum, kind) => sum + kind.manifests,
      0,
    );
    const found = formatNumberOf(manifests, 'manifest');
    const restored = [
      formatNumberOf(result.restored, 'export'),
      formatNumberOf(generations.restored, 'generation'),
      formatNumberOf(deliveries.restored, 'delivered day'),
      formatNumberOf(archives.restored, 'archive'),
      formatNumberOf(requests.restored, 'request'),
    ].join(', ');
    terminal.print(`${found} found, ${restored} restored`);
  });
}

interface AuditOptions extends JsonOption {
  readonly tenant?: string;
  readonly limit: number;
}

export function auditCommand(cli: Cli): Command {
  const command = new Command('audit')
    .description('Show who did what, newest first (operators; needs WAYBILL_LEDGER_URL)')
    .option('--tenant <key>', 'only entries of this tenant')
    .option('--limit <count>', 'at most this many lines', parseCount, 50);
  addJsonOption(command);
  addExamples(command, 'waybill audit --tenant acme --limit 200', 'waybill audit --json | jq .[].action');
  return command.action(async (options: AuditOptions) => {
    const entries = await withLedger(cli, (ledger) => ledger.audit.list(options.tenant ?? null, options.limit));
    if (options.json) return cli.terminal.printJson(entries);
    if (entries.length === 0) return cli.terminal.log('No entries.');
    const columns = ['AT (UTC)', 'TENANT', 'WHO', 'WHAT', 'RUN', 'DETAIL'].map((title) => ({ title }));
    const rows = entries.map((entry) => [
      formatTime(entry.at.toISOString()),
      plain(entry.tenant ?? ''),
      plain(entry.actor),
      entry.action,
      entry.runId ?? '',
      Object.entries(entry.detail)
        .map(([name, value]) => `${plain(name)}=${plain(String(value))}`)
        .join(' '),
    ]);
    cli.terminal.print(...tableLines(cli.terminal, columns, rows));
  });
}

const DOCTOR = fileURLToPath(new URL('../../stack/doctor.ts', import.meta.url));

/** Runs the stack's own check in a process, because no module may import `stack/`. */
export function doctorCommand(cli: Cli): Command {
  const command = new Command('doctor').description(
    'Show where each server of the local stack comes from, and whether it is healthy',
  );
  return addJsonOption(command).action(async (options: JsonOption) => {
    const child = spawn(process.execPath, [DOCTOR, ...(options.json ? ['--json'] : [])], { stdio: 'inherit' });
    const [code]: unknown[] = await once(child, 'close');
    cli.endWith(typeof code === 'number' ? code : 1);
  });
}
