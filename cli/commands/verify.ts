import { Command } from 'commander';
import { addExamples, addJsonOption, type Cli, printJson } from '../cli.ts';
import { EXIT } from '../failure.ts';
import { readIdentity } from '../files/identity.ts';
import { locateParts, readManifest } from '../files/locate.ts';
import { type PartVerdict, sumProblems, verifyPart } from '../files/verify.ts';
import { formatBytes, formatCount, formatNumberOf } from '../screen/figures.ts';
import { createProgressDisplay } from '../screen/progress-display.ts';
import { transferLine } from '../screen/progress-line.ts';

interface Options {
  readonly keyFile?: string;
  readonly json?: boolean;
}

export function verifyCommand(cli: Cli): Command {
  const command = new Command('verify')
    .description('Check an export against its manifest, without a server: rows, bytes and hashes of every part')
    .argument('<path>', 'the manifest, or the directory that holds it; the parts or the finished file lie beside it')
    .option('--key-file <file>', 'private key of a sealed export: without it, its rows are not counted');
  addJsonOption(command);
  addExamples(
    command,
    'waybill verify flights.csv.zst.age.manifest.json --key-file key.txt',
    'waybill verify ./export',
  );
  return command.action((path: string, options: Options) => verifyExport(cli, path, options));
}

async function verifyExport(cli: Cli, path: string, options: Options): Promise<void> {
  const { terminal } = cli;
  const { manifest, file } = readManifest(path);
  const identity = options.keyFile === undefined ? undefined : readIdentity(options.keyFile);
  const opened = manifest.recipients.length === 0 || identity !== undefined;
  const bytesToRead = manifest.bytes * (opened ? 2 : 1);
  const display = createProgressDisplay(terminal, options.json === true);
  const begun = performance.now();
  let bytesRead = 0;
  const parts: PartVerdict[] = [];
  try {
    for (const located of locateParts(manifest, file)) {
      const verdict = await verifyPart(manifest, located, identity, (bytes) => {
        bytesRead += bytes;
        display.show(transferLine('verify', bytesRead, bytesToRead, (performance.now() - begun) / 1000));
      });
      parts.push(verdict);
    }
  } finally {
    display.stop();
  }
  const problems = [
    ...sumProblems(manifest),
    ...parts.flatMap(({ name, problems: own }) => own.map((problem) => `${name} ${problem}`)),
  ];
  const rowsCounted = opened && problems.length === 0;
  if (problems.length > 0) cli.endWith(EXIT.failed);
  if (options.json) {
    const { exportId, rows, bytes } = manifest;
    return printJson(terminal, { exportId, ok: problems.length === 0, rowsCounted, rows, bytes, problems, parts });
  }
  for (const problem of problems) terminal.print(`${terminal.paint('red', '✗')} ${problem}`);
  if (problems.length > 0) {
    return terminal.print(`${formatNumberOf(problems.length, 'problem')} in export ${manifest.exportId}`);
  }
  const good = terminal.paint('green', '✓');
  terminal.print(
    `${good} ${formatNumberOf(parts.length, 'part')}, ${formatBytes(manifest.bytes)}: sizes and SHA-256 hold`,
  );
  if (rowsCounted) terminal.print(`${good} ${formatCount(manifest.rows)} rows counted in the content`);
  else {
    const rows = formatCount(manifest.rows);
    terminal.print(
      `${terminal.paint('yellow', '!')} the ${rows} rows were not counted: the export is sealed, --key-file opens it`,
    );
  }
}
