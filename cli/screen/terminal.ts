import { stripVTControlCharacters, styleText } from 'node:util';

export type Paint = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** Where a command writes: results to standard output, everything else to standard error. */
export interface Terminal {
  /** Lines of the result. */
  print(...lines: readonly string[]): void;
  /** Prints a value as JSON, indented. */
  printJson(value: unknown): void;
  /** Writes one line to standard error. */
  log(line: string): void;
  /** Writes one line about something that succeeded to standard error. */
  logDone(line: string): void;
  /** Coloured when standard output is a terminal that wants it (NO_COLOR, FORCE_COLOR). */
  paint(paint: Paint, text: string): string;
  /** The same for standard error. */
  paintLog(paint: Paint, text: string): string;
  /** Whether standard error is a terminal. */
  readonly interactive: boolean;
  readonly output: Screen;
  readonly errors: Screen;
}

/** A stream that may be a terminal. */
export type Screen = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };

export function createTerminal(output: Screen, errors: Screen): Terminal {
  const print = (...lines: readonly string[]) => {
    for (const line of lines) output.write(`${line}\n`);
  };
  const log = (line: string) => void errors.write(`${line}\n`);
  const paintLog = (paint: Paint, text: string) => styleText(paint, text, { stream: errors });
  return {
    print,
    printJson: (value) => print(JSON.stringify(value, null, 2)),
    log,
    logDone: (line) => log(`${paintLog('green', '✓')} ${line}`),
    paint: (paint, text) => styleText(paint, text, { stream: output }),
    paintLog,
    interactive: errors.isTTY === true,
    output,
    errors,
  };
}

export interface TableColumn {
  readonly title: string;
  readonly align?: 'right';
}

const GAP = '  ';

/** Columns padded to their widest cell, the titles first; colours do not count towards widths. */
export function formatTable(columns: readonly TableColumn[], rows: readonly (readonly string[])[]): readonly string[] {
  const lines = [columns.map((column) => column.title), ...rows];
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => widthOf(line[index] ?? ''))));
  return lines.map((line) =>
    columns
      .map((column, index) => pad(line[index] ?? '', widths[index] ?? 0, column.align === 'right'))
      .join(GAP)
      .trimEnd(),
  );
}

/** A table for standard output, its titles dimmed. */
export function tableLines(
  terminal: Terminal,
  columns: readonly TableColumn[],
  rows: readonly (readonly string[])[],
): readonly string[] {
  const [titles = '', ...lines] = formatTable(columns, rows);
  return [terminal.paint('dim', titles), ...lines];
}

export type Field = readonly [name: string, value: string];

/** `name  value` lines, the values in one column. */
export function formatFields(fields: readonly Field[]): readonly string[] {
  const width = Math.max(0, ...fields.map(([name]) => name.length));
  return fields.map(([name, value]) => `${name.padEnd(width)}${GAP}${value}`);
}

/** The same for standard output, the names dimmed. */
export function fieldLines(terminal: Terminal, fields: readonly Field[]): readonly string[] {
  return formatFields(fields).map((line) => line.replace(/^\S+(?: \S+)*/, (name) => terminal.paint('dim', name)));
}

function pad(text: string, width: number, right: boolean): string {
  const blanks = ' '.repeat(Math.max(0, width - widthOf(text)));
  return right ? blanks + text : text + blanks;
}

function widthOf(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}

/** Replaces control characters in untrusted text, so that it cannot move the cursor or change colours. */
export function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is replaced
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '\uFFFD');
}
