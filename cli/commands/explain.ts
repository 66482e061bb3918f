import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { Command } from 'commander';
import { loadCatalog } from '../../config/catalog.ts';
import type { Dataset } from '../../config/dataset.ts';
import { createLogger } from '../../config/logger.ts';
import { readSomeSettings } from '../../config/settings.ts';
import { WaybillError } from '../../contracts/failures.ts';
import { parseInstant } from '../../contracts/instant.ts';
import { CSV_DEFAULTS, type ParameterValue } from '../../contracts/order.ts';
import type { Window } from '../../contracts/window.ts';
import { addExamples, addJsonOption, type Cli, type JsonOption } from '../cli.ts';
import { CliFailure, EXIT, notFound, usage } from '../failure.ts';

interface Options extends JsonOption {
  readonly tenant: string;
  readonly from?: string;
  readonly to?: string;
  readonly parameter: readonly string[];
}

export function explainCommand(cli: Cli): Command {
  const command = new Command('explain')
    .description(
      'Show how the rows of a dataset are read: the plans of DuckDB and of PostgreSQL (needs WAYBILL_WAREHOUSE_…)',
    )
    .argument('<dataset>', 'name of a dataset, in any case')
    .requiredOption('--tenant <value>', "a tenant's value of the tenant column")
    .option('--from <time>', 'begin of a window (default: the complete history)')
    .option('--to <time>', 'end of the window')
    .option('-p, --parameter <name=value>', 'a parameter of the dataset; may be repeated', collect, []);
  addJsonOption(command);
  addExamples(
    command,
    'waybill explain ORDERS --tenant acme',
    'waybill explain ORDERS --tenant 42 --from 2026-01-01 --to 2026-02-01',
  );
  return command.action((name: string, options: Options) => explain(cli, name, options));
}

async function explain(cli: Cli, name: string, options: Options): Promise<void> {
  const window = windowOf(options);
  const settings = readSomeSettings(cli.environment, [
    'WAYBILL_CATALOG',
    'WAYBILL_WAREHOUSE_SQL',
    'WAYBILL_WAREHOUSE_DIRECTORIES',
    'WAYBILL_WAREHOUSE_EXTENSION_DIRECTORY',
    'WAYBILL_WAREHOUSE_INSTALL_EXTENSIONS',
    'WAYBILL_WAREHOUSE_MEMORY',
    'WAYBILL_WAREHOUSE_THREADS',
  ]);
  const { datasets } = await loadCatalog(settings.WAYBILL_CATALOG);
  const dataset = datasets.find((candidate) => candidate.name.toLowerCase() === name.toLowerCase());
  if (!dataset)
    throw notFound(`The catalog has no dataset ${name}. It has ${datasets.map((one) => one.name).join(', ')}.`);
  const order = {
    tenant: options.tenant,
    dataset: dataset.name,
    window,
    parameters: parametersOf(dataset, options.parameter),
    format: 'csv' as const,
    csv: CSV_DEFAULTS,
    columns: null,
    compression: 'none' as const,
    recipients: [],
  };
  // Imported on demand: no other command needs DuckDB, and all start faster.
  const { explainDataset } = await import('../../stores/warehouse/explain.ts');
  const warehouse = {
    startupSql: settings.WAYBILL_WAREHOUSE_SQL,
    directories: settings.WAYBILL_WAREHOUSE_DIRECTORIES,
    extensionDirectory: settings.WAYBILL_WAREHOUSE_EXTENSION_DIRECTORY,
    installExtensions: settings.WAYBILL_WAREHOUSE_INSTALL_EXTENSIONS,
    memory: settings.WAYBILL_WAREHOUSE_MEMORY,
    threads: settings.WAYBILL_WAREHOUSE_THREADS,
    tempDirectory: tmpdir(),
    logger: createLogger('explain', 'silent'),
    // No value is shown.
    anonymizeKey: randomBytes(32),
    onInvalid: () => undefined,
  };
  const { duckdb, postgres } = await explainDataset(warehouse, dataset, order, cli.interruptible()).catch(withCause);
  const { terminal } = cli;
  if (options.json) return terminal.printJson({ dataset: dataset.name, duckdb, postgres });
  terminal.print(terminal.paint('bold', 'DuckDB'), '', duckdb.trimEnd());
  for (const { sql, plan } of postgres) terminal.print('', terminal.paint('bold', 'PostgreSQL'), '', sql, '', plan);
}

/** Operators see the cause, which callers of the API do not. */
function withCause(error: unknown): never {
  if (!(error instanceof WaybillError) || !(error.cause instanceof Error)) throw error;
  throw new CliFailure(EXIT.failed, error.message, { code: error.code, lines: [error.cause.message], cause: error });
}

function collect(value: string, others: readonly string[]): readonly string[] {
  return [...others, value];
}

function windowOf({ from, to }: Options): Window | null {
  if (from === undefined && to === undefined) return null;
  if (from === undefined || to === undefined) throw usage('Give --from and --to, or neither.');
  const [begin, end] = [parseInstant(from), parseInstant(to)];
  if (!begin || !end) throw usage(`${begin ? to : from} is not a time in ISO 8601.`);
  return { from: begin, to: end, bounds: 'inclusive' };
}

function parametersOf(dataset: Dataset, given: readonly string[]): Readonly<Record<string, ParameterValue>> {
  const entries = given.map((text) => {
    const at = text.indexOf('=');
    const parameter = dataset.parameters.find(({ name }) => name === text.slice(0, at));
    if (!parameter) {
      const names = dataset.parameters.map(({ name }) => name).join(', ') || 'none';
      throw usage(`${text} does not set a parameter of ${dataset.name}; it has ${names}.`);
    }
    const value = text.slice(at + 1);
    return [parameter.name, parameter.type === 'boolean' ? value === 'true' : value] as const;
  });
  return Object.fromEntries(entries);
}
