import { join } from 'node:path';
import { Command, Option } from 'commander';
import { checkChain } from '../chain/chain.ts';
import { type DeliveredDay, readDays } from '../chain/days.ts';
import { type DeliveredTree, findDays } from '../chain/tree.ts';
import { addExamples, addJsonOption, type Cli, type JsonOption } from '../cli.ts';
import { planEntities } from '../compose/plan.ts';
import { chooseTarget } from '../compose/target.ts';
import { CliFailure, EXIT } from '../failure.ts';
import { saveTogether } from '../files/save.ts';
import { readPublicKeys } from '../files/signature.ts';
import { formatCount } from '../screen/figures.ts';
import { displayTransfer } from '../screen/progress.ts';
import { plain, tableLines } from '../screen/terminal.ts';

interface Options extends JsonOption {
  readonly output: string;
  readonly entity: readonly string[];
  readonly format?: 'csv' | 'parquet';
  readonly keys?: string;
  readonly verify: boolean;
  readonly force?: boolean;
}

/** Of DuckDB. */
const MEMORY = '512MB';
/** Problems that are shown of a broken chain. */
const PROBLEMS_MAX = 10;

export function composeCommand(cli: Cli): Command {
  const command = new Command('compose')
    .description('Compose the current state of recurring exports: complete loads, changes and deletions')
    .argument('<directory>', 'the exports of a tenant, as for verify --chain')
    .requiredOption(
      '-o, --output <target>',
      'file.csv, file.parquet, file.duckdb, or a directory with a file for each entity',
    )
    .option(
      '--entity <name>',
      'only this entity; may be repeated',
      (name, others: readonly string[]) => [...others, name],
      [],
    )
    .addOption(new Option('--format <format>', 'of the files in a directory').choices(['csv', 'parquet']))
    .option('--keys <file>', 'public keys of the deployment: every manifest must be signed with one of them')
    .option('--no-verify', 'do not check the files and that nothing is missing')
    .option('--force', 'replace files that exist');
  addJsonOption(command);
  addExamples(
    command,
    'waybill compose ./exports -o acme.duckdb',
    'waybill compose ./exports -o user.parquet --entity user',
    'waybill compose ./exports -o state/ --format parquet',
  );
  return command.action((directory: string, options: Options) => composeState(cli, directory, options));
}

async function composeState(cli: Cli, given: string, options: Options): Promise<void> {
  const { terminal } = cli;
  const quiet = options.json === true;
  const signal = cli.interruptible();
  const tree = findDays(given);
  const days = options.verify ? await provenDays(cli, tree, options) : (await readDays(tree, undefined)).days;
  const plans = planEntities(tree.path, days, options.entity);
  const entities = plans.map(({ entity }) => entity);
  const { directory, format, nameOf } = chooseTarget(options.output, entities, {
    format: options.format,
    replace: options.force === true,
  });
  // Imported on demand: most commands do without DuckDB and start faster.
  const { compose } = await import('../compose/compose.ts');
  const names = [...new Set(entities.map(nameOf))];
  let written: Awaited<ReturnType<typeof compose>> = [];
  await saveTogether(directory, names, async (staging) => {
    const fileOf = (entity: string) => join(staging, nameOf(entity));
    written = await displayTransfer(terminal, { label: 'compose', quiet }, (show) =>
      compose(plans, { format, memory: MEMORY, staging, signal, fileOf }, show),
    );
  });
  const through = days.at(-1)?.day ?? null;
  if (options.json) {
    const items = written.map((one) => ({ ...one, file: join(directory, nameOf(one.entity)) }));
    return terminal.printJson({ tenant: days[0]?.manifest.tenant ?? null, through, entities: items });
  }
  const columns = [{ title: 'ENTITY' }, { title: 'ROWS', align: 'right' as const }, { title: 'FILE' }];
  const rows = written.map(({ entity, rows }) => [entity, formatCount(rows), plain(join(directory, nameOf(entity)))]);
  terminal.print(...tableLines(terminal, columns, rows));
  for (const { entity, textColumns } of written) {
    if (textColumns.length === 0) continue;
    terminal.log(`${entity}: as text, because their types cannot hold every value: ${plain(textColumns.join(', '))}`);
  }
}

/** @throws CliFailure if the chain is broken */
async function provenDays({ terminal }: Cli, tree: DeliveredTree, options: Options): Promise<readonly DeliveredDay[]> {
  const keys = options.keys === undefined ? undefined : readPublicKeys(options.keys);
  const report = await displayTransfer(terminal, { label: 'verify', quiet: options.json === true }, (show) =>
    checkChain(tree, keys, show),
  );
  if (report.ok) return report.days;
  const shown = report.problems.slice(0, PROBLEMS_MAX).map(({ path, text }) => plain(`${path}: ${text}`));
  throw new CliFailure(EXIT.failed, 'The exports are not whole, so their state is not composed.', {
    lines: [...shown, 'waybill verify --chain shows all; --no-verify composes what is there.'],
  });
}
