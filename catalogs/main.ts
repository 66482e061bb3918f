import { writeFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { catalogJsonSchema } from '../config/catalog-schema.ts';
import { buildSampleWarehouse, SAMPLE_DOMAINS, type SampleDomain } from './build.ts';

const program = new Command('catalogs').description('The sample catalog and its warehouse');

program
  .command('build', { isDefault: true })
  .description('builds the sample warehouse')
  .requiredOption('--directory <path>', 'target directory')
  .option('--scale <number>', '1: 400,000 rows in the largest table', Number, 1)
  .addOption(
    new Option('--domain <name...>', 'only these domains').choices(SAMPLE_DOMAINS).default(SAMPLE_DOMAINS, 'all'),
  )
  .action(async (options: { directory: string; scale: number; domain: readonly SampleDomain[] }) => {
    const { directory, scale, domain } = options;
    const report = (line: string) => process.stdout.write(`${line}\n`);
    const built = await buildSampleWarehouse({ directory, scale, domains: domain, report });
    report(`WAYBILL_WAREHOUSE_SQL:\n${built.startupSql}`);
    report(`WAYBILL_WAREHOUSE_DIRECTORIES: ${built.directories.join(',')}`);
  });

program
  .command('schema')
  .description('writes the JSON Schema of catalog files')
  .requiredOption('--output <path>', 'file to write, docs/catalog.schema.json in this repository')
  .action(({ output }: { output: string }) => writeFile(output, `${JSON.stringify(catalogJsonSchema(), null, 2)}\n`));

await program.parseAsync();
