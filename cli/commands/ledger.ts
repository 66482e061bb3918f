import { Command } from 'commander';
import { readSomeSettings } from '../../config/settings.ts';
import { addJsonOption, type Cli, printJson } from '../cli.ts';
import { EXIT } from '../failure.ts';
import { withLedger } from '../ledger-access.ts';
import { rebuildLedger } from '../rebuild.ts';
import { formatNumberOf } from '../screen/figures.ts';

export function ledgerCommand(cli: Cli): Command {
  return new Command('ledger')
    .description('Look after the ledger (operators; needs WAYBILL_LEDGER_URL)')
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
    'Put exports and periodic files back into the ledger from their manifests in the bucket (needs WAYBILL_OBJECTS_…)',
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
    terminal.print(`${found} found, ${restored} put back`);
  });
}
