import { styleText } from 'node:util';

export type Paint = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** Where a command writes: results to standard output, everything else to standard error. */
export interface Terminal {
  /** One line of the result. */
  print(line: string): void;
  /** One line about what is going on. */
  tell(line: string): void;
  /** Coloured when standard output is a terminal that wants it (NO_COLOR, FORCE_COLOR). */
  paint(paint: Paint, text: string): string;
  /** The same for standard error. */
  paintTold(paint: Paint, text: string): string;
  /** Whether somebody watches standard error. */
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
