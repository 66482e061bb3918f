import { stripVTControlCharacters, styleText } from 'node:util';

export type Paint = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** Where a command writes: results to standard output, everything else to standard error. */
export interface Terminal {
  /** One line of the result. */
  print(line: string): void;
  /** Prints one line to standard error. */
  tell(line: string): void;
  /** Coloured when standard output is a terminal that wants it (NO_COLOR, FORCE_COLOR). */
  paint(paint: Paint, text: string): string;
  /** The same for standard error. */
  paintTold(paint: Paint, text: string): string;
  /** Whether standard error is a terminal. */
  readonly watched: boolean;
  readonly output: Screen;
  readonly errors: Screen;
}

/** A stream that may be a terminal. */
export type Screen = NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };

export function createTerminal(output: Screen, errors: Screen): Terminal {
  return {
    print: (line) => void output.write(`${line}\n`),
    tell: (line) => void errors.write(`${line}\n`),
    paint: (paint, text) => styleText(paint, text, { stream: output }),
    paintTold: (paint, text) => styleText(paint, text, { stream: errors }),
    watched: errors.isTTY === true,
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

/** `name  value` lines, the names in one column. */
export function formatFields(fields: readonly (readonly [name: string, value: string])[]): readonly string[] {
  const width = Math.max(0, ...fields.map(([name]) => name.length));
  return fields.map(([name, value]) => `${name.padEnd(width)}${GAP}${value}`);
}

function pad(text: string, width: number, right: boolean): string {
  const blanks = ' '.repeat(Math.max(0, width - widthOf(text)));
  return right ? blanks + text : text + blanks;
}

function widthOf(text: string): number {
  return [...stripVTControlCharacters(text)].length;
}

/** Removes control characters from untrusted text, so that it cannot move the cursor or change colours. */
export function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '\uFFFD');
}
