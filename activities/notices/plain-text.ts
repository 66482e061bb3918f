import type { Fact, LetterContent } from './content.ts';

/** Characters of a line at the most, so that a quoted letter still fits 78. Source: RFC 5322, section 2.1.1. */
export const COLUMNS = 76;

/** Lays a letter out as plain text: what the HTML says, in the same order. */
export function layOutText(content: LetterContent): string {
  const blocks = [
    wrapped(content.about),
    underlined(content.heading, '='),
    wrapped(content.opening),
    layOutFacts(content.facts),
    ...content.sections.flatMap(({ heading, paragraphs }) => [
      underlined(heading, '-'),
      ...paragraphs.map((paragraph) => wrapped(paragraph)),
    ]),
    `-- \n${wrapped(content.closing)}`,
  ];
  // What kept words together has done so.
  return `${blocks.join('\n\n')}\n`.replaceAll('\u00a0', ' ');
}

function layOutFacts(facts: readonly Fact[]): string {
  const width = Math.max(0, ...facts.map(({ label }) => label.length)) + 2;
  return facts.map(({ label, value }) => wrapped(value, `${label}:`.padEnd(width), ' '.repeat(width))).join('\n');
}

function underlined(heading: string, line: string): string {
  const text = wrapped(heading);
  const width = Math.max(...text.split('\n').map((row) => Array.from(row).length));
  return `${text}\n${line.repeat(width)}`;
}

/**
 * Breaks text into lines of at most {@link COLUMNS} characters, at spaces; a word that is longer, wherever it must be.
 *
 * @param first what the first line begins with
 * @param rest what the others begin with
 */
export function wrapped(text: string, first = '', rest = first): string {
  const lines: string[] = [];
  let line: string[] = [];
  const room = () => COLUMNS - Array.from(lines.length === 0 ? first : rest).length;
  const end = () => {
    lines.push(`${lines.length === 0 ? first : rest}${line.join('')}`);
    line = [];
  };
  for (const word of text.split(' ').filter(Boolean)) {
    let letters = Array.from(word);
    if (line.length > 0 && line.length + 1 + letters.length > room()) end();
    else if (line.length > 0) line.push(' ');
    while (letters.length > room()) {
      line = letters.slice(0, room());
      letters = letters.slice(line.length);
      end();
    }
    line.push(...letters);
  }
  if (line.length > 0 || lines.length === 0) end();
  return lines.join('\n');
}
