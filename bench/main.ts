import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import type { Benchmark } from './benchmark.ts';
import { downloadBenchmark } from './download.ts';
import { downloadAllBenchmarks } from './download-all.ts';
import { interactiveBenchmark } from './interactive.ts';
import { largeExportBenchmark } from './large-export.ts';
import { listingBenchmark } from './listing.ts';
import { listingRequestsBenchmark } from './listing-requests.ts';
import { memoryBenchmark } from './memory.ts';
import { nightBenchmark } from './night.ts';
import { postgresBenchmark } from './postgres-copy.ts';
import { queuedBenchmark } from './queued.ts';
import { registeringBenchmark } from './registering.ts';
import { createResult, describeMachine, machineLines, type Result, resultLines, summaryLines } from './report.ts';
import { sealingBenchmark } from './sealing.ts';
import { severalFilesBenchmarks } from './several-files.ts';
import { sftpBenchmark } from './sftp.ts';
import { smallExportBenchmark } from './small-export.ts';
import { stalledDownloadsBenchmark } from './stalled-downloads.ts';
import { statisticsFilesBenchmarks } from './statistics-files.ts';
import { tenantsBenchmark } from './tenants.ts';
import { throughputBenchmarks } from './throughput.ts';

const BENCHMARKS: readonly Benchmark[] = [
  ...throughputBenchmarks,
  sealingBenchmark,
  downloadBenchmark,
  stalledDownloadsBenchmark,
  sftpBenchmark,
  ...downloadAllBenchmarks,
  ...severalFilesBenchmarks,
  smallExportBenchmark,
  interactiveBenchmark,
  queuedBenchmark,
  nightBenchmark,
  tenantsBenchmark,
  registeringBenchmark,
  listingRequestsBenchmark,
  listingBenchmark,
  postgresBenchmark,
  memoryBenchmark,
  largeExportBenchmark,
  ...statisticsFilesBenchmarks,
];

interface Options {
  readonly runs: number;
  readonly rows: number;
  readonly many?: number;
  readonly json?: string;
}

async function main(stopping: AbortController): Promise<void> {
  const command = new Command('bench')
    .description('Measures Waybill against its peers, alternating on this machine. Never fails on a figure.')
    .argument('[names...]', 'benchmarks to run (default: all)')
    .option('--runs <count>', 'counted runs of each side, after one to warm up', wholeNumber(1), 5)
    .option('--rows <count>', 'rows of the big table', wholeNumber(1000), 10_000_000)
    .option(
      '--many <count>',
      'tenants, runs or orders of the benchmarks that have many (default: their own numbers)',
      wholeNumber(1),
    )
    .option('--json <file>', 'write every figure to this file')
    .addHelpText(
      'after',
      `\nBenchmarks:\n${BENCHMARKS.map(({ name, title }) => `  ${name.padEnd(22)}${title}`).join('\n')}`,
    );
  command.parse();
  const chosen = choose(command);
  const { runs, rows, many, json } = command.opts<Options>();

  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());

  const loadBefore = loadavg()[0] ?? 0;
  const results: Result[] = [];
  for (const benchmark of chosen) {
    const report = (line: string) => process.stderr.write(`${benchmark.name}: ${line}\n`);
    const directory = await mkdtemp(join(tmpdir(), 'waybill-bench-'));
    try {
      report(benchmark.title);
      const bench = { runs, rows, many, environment: process.env, directory, report, signal: stopping.signal };
      for (const measurement of [await benchmark.run(bench)].flat()) results.push(createResult(benchmark, measurement));
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  }
  // At the end, when all programs have been fetched.
  const machine = await describeMachine(process.env, loadBefore);
  process.stdout.write(
    `${[...machineLines(machine), '', ...resultLines(results), '', ...summaryLines(results)].join('\n')}\n`,
  );
  if (json)
    await writeFile(json, `${JSON.stringify({ at: new Date(), runs, rows, many, machine, results }, null, 2)}\n`);
}

function choose(command: Command): readonly Benchmark[] {
  for (const name of command.args) {
    if (BENCHMARKS.some((benchmark) => benchmark.name === name)) continue;
    command.error(`There is no benchmark ${name}. There are: ${BENCHMARKS.map((each) => each.name).join(', ')}.`);
  }
  return command.args.length === 0 ? BENCHMARKS : BENCHMARKS.filter(({ name }) => command.args.includes(name));
}

function wholeNumber(least: number) {
  return (text: string): number => {
    const number = Number(text);
    if (Number.isSafeInteger(number) && number >= least) return number;
    throw new InvalidArgumentError(`It should be a whole number of at least ${least}.`);
  };
}

const stopping = new AbortController();
try {
  await main(stopping);
} catch (error) {
  if (!stopping.signal.aborted) throw error;
  process.exitCode = 130;
}
