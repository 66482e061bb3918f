import { PERIODIC_FORMATS } from '../../contracts/order.ts';
import type { FileVerdict } from '../files/verify-generation.ts';
import { formatBytes, formatCount, formatNumberOf } from './figures.ts';
import type { Terminal } from './terminal.ts';

/** Says what was checked of files that are as they should be, and what could not be. */
export function generationLines(terminal: Terminal, verdicts: readonly FileVerdict[]): readonly string[] {
  const lines: string[] = [];
  for (const format of PERIODIC_FORMATS) {
    const ofFormat = verdicts.filter((verdict) => verdict.format === format);
    const sealed = ofFormat.filter(({ form }) => form === 'sealed');
    const opened = ofFormat.filter(({ form }) => form === 'opened');
    if (sealed.length > 0) lines.push(...sealedLines(terminal, sealed));
    if (opened.length > 0) lines.push(...openedLines(terminal, opened));
  }
  return lines;
}

function sealedLines(terminal: Terminal, verdicts: readonly FileVerdict[]): readonly string[] {
  const [good, but] = [terminal.paint('green', '✓'), terminal.paint('yellow', '!')];
  const counted = verdicts.every(({ rowsCounted }) => rowsCounted !== null);
  return [
    `${good} ${numberOf(verdicts)} sealed: sizes and SHA-256 hold`,
    counted
      ? rowsLine(terminal, verdicts)
      : `${but} their rows were not counted: the files are sealed, --key-file opens them`,
  ];
}

function openedLines(terminal: Terminal, verdicts: readonly FileVerdict[]): readonly string[] {
  const [good, but] = [terminal.paint('green', '✓'), terminal.paint('yellow', '!')];
  return [
    `${good} ${numberOf(verdicts)} opened: sizes of the content hold`,
    `${but} SHA-256 was not compared: the manifest tells that of sealed files`,
    rowsLine(terminal, verdicts),
  ];
}

function numberOf(verdicts: readonly FileVerdict[]): string {
  const bytes = verdicts.reduce((sum, { bytesThere }) => sum + (bytesThere ?? 0), 0);
  return `${formatNumberOf(verdicts.length, `${verdicts[0]?.format} file`)}, ${formatBytes(bytes)}`;
}

function rowsLine(terminal: Terminal, verdicts: readonly FileVerdict[]): string {
  const rows = verdicts.reduce((sum, { rowsCounted }) => sum + (rowsCounted ?? 0), 0);
  return `${terminal.paint('green', '✓')} ${formatCount(rows)} rows counted in the content`;
}
