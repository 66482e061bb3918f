import { Command, InvalidArgumentError } from 'commander';
import { runChaos } from './run.ts';

const program = new Command('chaos')
  .description('Kills, freezes and cuts off every process under load, then audits what was exported.')
  .option('--minutes <n>', 'how long faults go on', parseMinutes, 10)
  .action(async ({ minutes }: { minutes: number }) => {
    const begun = Date.now();
    const say = (line: string) => {
      process.stdout.write(`${String(Math.round((Date.now() - begun) / 1000)).padStart(4)} s  ${line}\n`);
    };
    const report = await runChaos({ seconds: minutes * 60, environment: process.env, say });
    const { lines, ...summary } = report;
    process.stdout.write(`${JSON.stringify(summary, null, 2)}\n`);
    const { audit, load, processes } = report;
    const problems = [...audit.wrong, ...audit.stuck, ...audit.strays, ...load.violations, ...processes];
    if (problems.length === 0) return;
    process.stdout.write(`\n${lines.join('\n')}\n`);
    process.exitCode = 1;
  });

function parseMinutes(text: string): number {
  const minutes = Number(text);
  if (!(minutes > 0)) throw new InvalidArgumentError('It is a number above 0.');
  return minutes;
}

await program.parseAsync();
