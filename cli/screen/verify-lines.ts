import type { Manifest } from '../../contracts/manifest.ts';
import type { PartVerdict } from '../files/verify.ts';
import { formatBytes, formatCount, formatNumberOf } from './figures.ts';
import type { Terminal } from './terminal.ts';

/** @param what that was checked, such as `run 0b2f…` */
export function problemLines(terminal: Terminal, problems: readonly string[], what: string): readonly string[] {
  const lines = problems.map((problem) => `${terminal.paint('red', '✗')} ${problem}`);
  return [...lines, `${formatNumberOf(problems.length, 'problem')} in ${what}`];
}

/** Says what was checked of files that are as they should be, and what could not be. */
export function verifiedLines(
  terminal: Terminal,
  { recipients }: Pick<Manifest, 'recipients'>,
  verdicts: readonly PartVerdict[],
): readonly string[] {
  const sealed = recipients.length > 0;
  const groups = Map.groupBy(verdicts, ({ format, form }) => `${format} ${form}`);
  return [...groups.values()].flatMap((group) => groupLines(terminal, sealed, group));
}

/** @param verdicts of one format and form */
function groupLines(terminal: Terminal, sealed: boolean, verdicts: readonly PartVerdict[]): readonly string[] {
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

function numberOf(verdicts: readonly PartVerdict[]): string {
  const bytes = verdicts.reduce((sum, { bytesThere }) => sum + (bytesThere ?? 0), 0);
  const files = new Set(verdicts.map(({ file }) => file)).size;
  const parts = verdicts.length > files ? ` in ${formatNumberOf(verdicts.length, 'part')}` : '';
  return `${formatNumberOf(files, `${verdicts[0]?.format} file`)}${parts}, ${formatBytes(bytes)}`;
}
