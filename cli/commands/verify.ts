import { Command } from 'commander';
import type { Manifest } from '../../contracts/manifest.ts';
import { addExamples, addJsonOption, type Cli, printJson } from '../cli.ts';
import { EXIT } from '../failure.ts';
import { readIdentity } from '../files/keys.ts';
import { type LocatedFile, locateFiles, readManifest } from '../files/locate.ts';
import { canOpen, type PartCheckResult, sumProblems, verifyFile } from '../files/verify.ts';
import { formatBytes, formatCount, formatNumberOf } from '../screen/figures.ts';
import { createTransferDisplay } from '../screen/progress.ts';
import type { Terminal } from '../screen/terminal.ts';

interface Options {
  readonly keyFile?: string;
  readonly json?: boolean;
}

export function verifyCommand(cli: Cli): Command {
  const command = new Command('verify')
    .description('Check files against their manifest: presence, rows, bytes and hashes')
    .argument('<path>', 'the manifest, or its directory; the files lie beside it')
    .option('--key-file <file>', 'private key of sealed files: without it, their rows are not counted');
  addJsonOption(command);
  addExamples(
    command,
    'waybill verify flights.csv.zst.age.manifest.json --key-file key.txt',
    'waybill verify ./export',
  );
  return command.action((path: string, options: Options) => verify(cli, path, options));
}

/** Ends the process with 1 when a file is missing or something is wrong. */
async function verify(cli: Cli, given: string, options: Options): Promise<void> {
  const identity = options.keyFile === undefined ? undefined : readIdentity(options.keyFile);
  const { manifest, path } = readManifest(given);
  const located = locateFiles(manifest, path);
  const verdicts = await verifyAll(cli, manifest, located, { identity, quiet: options.json === true });
  const problems = [
    ...sumProblems(manifest),
    ...(located.length === 0 ? [noneLine(manifest)] : []),
    ...verdicts.flatMap(({ name, problems: own }) => own.map((problem) => `${name} ${problem}`)),
  ];
  if (problems.length > 0) cli.endWith(EXIT.failed);
  const { runId, kind, rows, bytes } = manifest;
  if (options.json) {
    const formats = [...new Set(verdicts.map(({ format }) => format))];
    const rowsCounted = problems.length === 0 && verdicts.every((verdict) => verdict.rowsCounted !== null);
    return printJson(cli.terminal, {
      ...{ runId, kind, ok: problems.length === 0, formats, rowsCounted, rows, bytes, problems, parts: verdicts },
    });
  }
  const lines =
    problems.length > 0
      ? problemLines(cli.terminal, problems, `run ${runId}`)
      : verifiedLines(cli.terminal, manifest, verdicts);
  for (const line of lines) cli.terminal.print(line);
}

async function verifyAll(
  cli: Cli,
  manifest: Manifest,
  located: readonly LocatedFile[],
  { identity, quiet }: { readonly identity: string | undefined; readonly quiet: boolean },
): Promise<readonly PartCheckResult[]> {
  const display = createTransferDisplay(cli.terminal, 'verify', quiet);
  const sealed = manifest.recipients.length > 0;
  const times = (file: LocatedFile) => (file.form === 'stored' && canOpen(file, sealed, identity) ? 2 : 1);
  const bytesOf = ({ pieces }: LocatedFile) => pieces.reduce((sum, { bytesThere }) => sum + (bytesThere ?? 0), 0);
  const bytesToRead = located.reduce((sum, file) => sum + bytesOf(file) * times(file), 0);
  let bytesRead = 0;
  const verdicts: PartCheckResult[] = [];
  try {
    for (const file of located) {
      const found = await verifyFile(manifest, file, identity, (bytes) => {
        bytesRead += bytes;
        display.show(bytesRead, bytesToRead);
      });
      verdicts.push(...found);
    }
  } finally {
    display.stop();
  }
  return verdicts;
}

function noneLine({ files }: Manifest): string {
  const names = files.slice(0, 3).map(({ file }) => file);
  return `None of its files is here: ${names.join(', ')}${files.length > names.length ? ' and so on' : ''}.`;
}

/** @param what that was checked, such as `run 0b2f…` */
export function problemLines(terminal: Terminal, problems: readonly string[], what: string): readonly string[] {
  const lines = problems.map((problem) => `${terminal.paint('red', '✗')} ${problem}`);
  return [...lines, `${formatNumberOf(problems.length, 'problem')} in ${what}`];
}

/** Describes what was checked in files without problems, and what could not be checked. */
export function verifiedLines(
  terminal: Terminal,
  { recipients }: Pick<Manifest, 'recipients'>,
  verdicts: readonly PartCheckResult[],
): readonly string[] {
  const sealed = recipients.length > 0;
  const groups = Map.groupBy(verdicts, ({ format, form }) => `${format} ${form}`);
  return [...groups.values()].flatMap((group) => groupLines(terminal, sealed, group));
}

/** @param verdicts of one format and form */
function groupLines(terminal: Terminal, sealed: boolean, verdicts: readonly PartCheckResult[]): readonly string[] {
  const [good, but] = [terminal.paint('green', '✓'), terminal.paint('yellow', '!')];
  const what = numberOf(verdicts);
  const { form, format } = verdicts[0] ?? {};
  const lines: string[] = [];
  if (form === 'stored') lines.push(`${good} ${what}${sealed ? ' sealed' : ''}: sizes and SHA-256 hold`);
  else if (!sealed) lines.push(`${good} ${what} opened: sizes and SHA-256 of the content hold`);
  else {
    lines.push(`${good} ${what} opened: sizes of the content hold`);
    lines.push(`${but} SHA-256 was not compared: the manifest has that of the sealed files only`);
  }
  if (verdicts.every(({ rowsCounted }) => rowsCounted !== null)) {
    const rows = verdicts.reduce((sum, { rowsCounted }) => sum + (rowsCounted ?? 0), 0);
    lines.push(`${good} ${formatCount(rows)} rows counted in the content`);
  } else if (format === 'parquet') lines.push(`${but} rows were not counted: a Parquet file has its own count`);
  else lines.push(`${but} rows were not counted: the files are sealed, --key-file opens them`);
  return lines;
}

function numberOf(verdicts: readonly PartCheckResult[]): string {
  const bytes = verdicts.reduce((sum, { bytesThere }) => sum + (bytesThere ?? 0), 0);
  const files = new Set(verdicts.map(({ file }) => file)).size;
  const parts = verdicts.length > files ? ` in ${formatNumberOf(verdicts.length, 'part')}` : '';
  return `${formatNumberOf(files, `${verdicts[0]?.format} file`)}${parts}, ${formatBytes(bytes)}`;
}
