import { formatNumberOf } from './figures.ts';
import type { Terminal } from './terminal.ts';

/** @param what that was checked, such as `export 0b2f…` */
export function problemLines(terminal: Terminal, problems: readonly string[], what: string): readonly string[] {
  const lines = problems.map((problem) => `${terminal.paint('red', '✗')} ${problem}`);
  return [...lines, `${formatNumberOf(problems.length, 'problem')} in ${what}`];
}
