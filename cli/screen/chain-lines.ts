import { type Instant, shortInstant } from '../../contracts/instant.ts';
import type { ChainReport, EntityReport } from '../chain/chain.ts';
import type { Problem } from '../chain/days.ts';
import { formatNumberOf } from './figures.ts';
import { plain, type Terminal } from './terminal.ts';

/** What `verify --chain` prints: a line for each entity, then what was not checked, then what does not match. */
export function chainLines(terminal: Terminal, report: ChainReport): readonly string[] {
  const { tenant, days, entities, problems, ok } = report;
  const [good, but, bad] = [terminal.paint('green', '✓'), terminal.paint('yellow', '!'), terminal.paint('red', '✗')];
  const width = Math.max(0, ...entities.map(({ entity }) => plain(entity).length));
  const marks = { complete: good, ended: but, broken: bad } as const;
  const lines = entities.map((one) => `${marks[one.state]} ${plain(one.entity).padEnd(width)}  ${textOf(one)}`);
  lines.push(...noteLines(report).map((note) => `${but} ${note}`));
  lines.push(...signatureNotes(report).map(([valid, note]) => `${valid ? good : but} ${note}`));
  lines.push(...problems.map((problem) => `${bad} ${problemText(problem)}`));
  const range = `${formatNumberOf(days.length, 'day')}${tenant === null ? '' : ` of ${tenant}`}`;
  const span = days.length === 0 ? '' : `, ${days[0]?.day} to ${days.at(-1)?.day}`;
  lines.push(`${ok ? 'No problem' : formatNumberOf(problems.length, 'problem')} in ${range}${span}`);
  return lines;
}

function textOf({ state, from, to, files, rows, firstProblem, loaded, lastDay, missing }: EntityReport): string {
  const begin = `${loaded ? 'complete' : 'changes only,'} ${from === null ? 'from the beginning' : `from ${time(from)}`}`;
  const figures = `${begin} to ${time(to)}, ${formatNumberOf(files, 'file')}, ${formatNumberOf(rows, 'row')}`;
  const late = missing === null ? '' : `; not in the last day: ${plain(missing)}`;
  switch (state) {
    case 'complete':
      return `${figures}${late}`;
    case 'ended':
      return `${figures}; ends there: no manifest after ${lastDay} has it`;
    case 'broken':
      return `breaks at ${firstProblem?.day}: ${plain(firstProblem?.text ?? '')}`;
  }
}

function time(instant: Instant): string {
  return shortInstant(instant);
}

function noteLines({ missingPredecessor, days }: ChainReport): readonly string[] {
  if (missingPredecessor === null) return [];
  const day = days[0]?.day;
  return [`${day} is the first day here: its manifest names a predecessor that is not here (${missingPredecessor})`];
}

function signatureNotes({ days }: ChainReport): readonly (readonly [valid: boolean, note: string])[] {
  const unchecked = days.filter((day) => day.unchecked).length;
  if (unchecked > 0) {
    return [[false, `the signatures of ${formatNumberOf(unchecked, 'manifest')} were not checked: --keys checks them`]];
  }
  const keys = [...new Set(days.flatMap(({ signedBy }) => signedBy ?? []))];
  if (keys.length > 0) {
    const signed = days.filter(({ signedBy }) => signedBy !== null).length;
    return [[true, `${formatNumberOf(signed, 'manifest')} signed with key ${keys.join(', ')}`]];
  }
  return days.length === 0 ? [] : [[false, 'no manifest is signed: whoever can write here can forge all of it']];
}

/** A sentence with the path, unless it has the path already. */
function problemText({ path, text }: Problem): string {
  return text.startsWith(path) ? plain(text) : `${plain(path)}: ${plain(text)}`;
}
