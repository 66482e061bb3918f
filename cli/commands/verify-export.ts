import type { Manifest } from '../../contracts/manifest.ts';
import { type Cli, printJson } from '../cli.ts';
import { EXIT } from '../failure.ts';
import { type LocatedPart, locateParts } from '../files/locate.ts';
import { type PartVerdict, sumProblems, verifyPart } from '../files/verify.ts';
import { formatBytes, formatCount, formatNumberOf } from '../screen/figures.ts';
import { problemLines } from '../screen/problem-lines.ts';
import { createProgressDisplay } from '../screen/progress-display.ts';
import { transferLine } from '../screen/progress-line.ts';

/** How files are checked. */
export interface Verifying {
  /** Private keys that open sealed files; `undefined`: they are not opened. */
  readonly identity: string | undefined;
  /** Whether the answer is JSON. */
  readonly json: boolean;
}

interface ExportOnDisk {
  readonly manifest: Manifest;
  /** Of the manifest. */
  readonly file: string;
}

/** What was found about an export as a whole. */
interface Findings {
  readonly manifest: Manifest;
  readonly form: LocatedPart['form'];
  /** Empty: everything that could be checked holds. */
  readonly problems: readonly string[];
  readonly rowsCounted: boolean;
  readonly parts: readonly PartVerdict[];
}

/** Checks an export. Ends the process with 1 when something is wrong with it. */
export async function verifyExport(cli: Cli, found: ExportOnDisk, { identity, json }: Verifying): Promise<void> {
  const findings = await findOut(cli, found, identity, json);
  const { manifest, form, problems, rowsCounted, parts } = findings;
  if (problems.length > 0) cli.endWith(EXIT.failed);
  if (json) {
    const { exportId, rows, bytes } = manifest;
    return printJson(cli.terminal, {
      exportId,
      ok: problems.length === 0,
      form,
      rowsCounted,
      rows,
      bytes,
      problems,
      parts,
    });
  }
  for (const line of problems.length > 0
    ? problemLines(cli.terminal, problems, `export ${manifest.exportId}`)
    : goodLines(cli, findings)) {
    cli.terminal.print(line);
  }
}

async function findOut(
  cli: Cli,
  { manifest, file }: ExportOnDisk,
  identity: string | undefined,
  quiet: boolean,
): Promise<Findings> {
  const located = locateParts(manifest, file);
  const form = located[0]?.form ?? 'stored';
  const canOpen = form === 'opened' || manifest.recipients.length === 0 || identity !== undefined;
  const bytesToRead = form === 'opened' ? manifest.contentBytes : manifest.bytes * (canOpen ? 2 : 1);
  const display = createProgressDisplay(cli.terminal, quiet);
  const begun = performance.now();
  let bytesRead = 0;
  const parts: PartVerdict[] = [];
  try {
    for (const part of located) {
      const verdict = await verifyPart(manifest, part, identity, (bytes) => {
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
  const rowsCounted = problems.length === 0 && parts.every((part) => part.rowsCounted !== null);
  return { manifest, form, problems, rowsCounted, parts };
}

/** Says what was checked, and what could not be. */
function goodLines({ terminal }: Cli, { manifest, form, rowsCounted, parts }: Findings): readonly string[] {
  const [good, but] = [terminal.paint('green', '✓'), terminal.paint('yellow', '!')];
  const count = formatNumberOf(parts.length, 'part');
  const rows = `${formatCount(manifest.rows)} rows`;
  const sealed = manifest.recipients.length > 0;
  const lines: string[] = [];
  if (form === 'stored') lines.push(`${good} ${count}, ${formatBytes(manifest.bytes)}: sizes and SHA-256 hold`);
  else if (!sealed)
    lines.push(`${good} opened, ${formatBytes(manifest.contentBytes)}: size and SHA-256 of the content hold`);
  else {
    lines.push(`${good} opened, ${formatBytes(manifest.contentBytes)}: the size of the content holds`);
    lines.push(`${but} its SHA-256 was not compared: the manifest of a sealed export does not tell it`);
  }
  if (rowsCounted) lines.push(`${good} ${rows} counted in the content`);
  else if (manifest.format === 'parquet')
    lines.push(`${but} the ${rows} were not counted: Parquet is not made of lines`);
  else lines.push(`${but} the ${rows} were not counted: the export is sealed, --key-file opens it`);
  return lines;
}
