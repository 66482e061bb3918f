import { Command, Option } from 'commander';
import type { FileLoad } from '../../contracts/order.ts';
import { RECURRING } from '../../contracts/recurring.ts';
import type { Ledger } from '../../stores/ledger/ports.ts';
import { addExamples, addJsonOption, type Cli, type JsonOption, withLedger } from '../cli.ts';
import { notFound } from '../failure.ts';
import { formatTime } from '../screen/figures.ts';
import { plain, tableLines } from '../screen/terminal.ts';

const { kind } = RECURRING;

/** For operators: uses the ledger directly, so it needs WAYBILL_LEDGER_URL and no credential of a tenant. */
export function schemaCommand(cli: Cli): Command {
  return new Command('schema')
    .description('Columns of recurring exports: what is held, and accepting it (operators; needs WAYBILL_LEDGER_URL)')
    .addCommand(showCommand(cli))
    .addCommand(acceptCommand(cli));
}

function showCommand(cli: Cli): Command {
  const command = new Command('show')
    .description('Show the columns that each entity of a tenant is delivered with, and why it is held')
    .argument('<tenant>', 'the tenant');
  return addJsonOption(command).action(async (tenant: string, options: JsonOption) => {
    const { terminal } = cli;
    const files = await withLedger(cli, async (ledger) => {
      await findTenant(ledger, tenant);
      return ledger.registrations.list({ tenant, kind });
    });
    const items = files.map(({ dataset, active, columns, held, watermark }) => {
      return { entity: dataset, active, columns, held, deliveredUntil: watermark };
    });
    if (options.json) return terminal.printJson(items);
    if (items.length === 0) return terminal.log('No entity is registered.');
    const titles = ['ENTITY', 'STATE', 'DELIVERED UNTIL (UTC)', 'COLUMNS'].map((title) => ({ title }));
    const rows = items.map(({ entity, active, columns, held, deliveredUntil }) => [
      entity,
      held
        ? terminal.paint('red', 'held')
        : active
          ? terminal.paint('green', 'active')
          : terminal.paint('dim', 'inactive'),
      formatTime(deliveredUntil),
      (columns ?? []).map(({ name, type }) => `${name} ${type}`).join(', '),
    ]);
    terminal.print(...tableLines(terminal, titles, rows));
    for (const { held } of items) if (held) terminal.print(`${terminal.paint('red', '✗')} ${plain(held.message)}`);
  });
}

function acceptCommand(cli: Cli): Command {
  const command = new Command('accept')
    .description('Accept the columns that the catalog has now of an entity that is held')
    .argument('<tenant>', 'the tenant')
    .argument('<entity>', 'name of the dataset in the catalog')
    .addOption(
      new Option('--load <load>', 'how it continues: with what has changed, or completely')
        .choices(['delta', 'complete'])
        .default('complete'),
    );
  addJsonOption(command);
  addExamples(command, 'waybill schema show acme', 'waybill schema accept acme user --load delta');
  return command.action(async (tenant: string, dataset: string, options: JsonOption & { readonly load: FileLoad }) => {
    const { load } = options;
    const accepted = await withLedger(cli, async (ledger) => {
      await findTenant(ledger, tenant);
      return ledger.registrations.acceptSchema({ tenant, kind, dataset }, load);
    });
    if (!accepted)
      throw notFound(`"${dataset}" of tenant "${tenant}" is not held. "waybill schema show" lists what is.`);
    if (options.json) return cli.terminal.printJson({ tenant, entity: dataset, load });
    const how = load === 'complete' ? 'the next run loads it completely' : 'it continues where it stopped';
    cli.terminal.logDone(`the columns of ${dataset} are accepted; ${how}`);
  });
}

/** @throws CliFailure `not_found` */
async function findTenant(ledger: Ledger, tenant: string): Promise<void> {
  if (!(await ledger.tenants.find(tenant))) throw notFound(`There is no tenant "${tenant}".`);
}
