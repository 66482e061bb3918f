/** Characters that end a line, or that Stata expands or may take for the end of a string, wherever they stand. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not get into a line
const UNSAFE = /[\u0000-\u001f\u007f`$"'/]/;

/** Sequences in a compound-quoted string that end it, begin a macro or a comment, or hold what ends a line. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not get into a line
const ENDS = /[\u0000-\u001f\u007f`$]|"'|^'|\/[/*]|\*\//;

/** Whether `text` is itself between compound quotes. */
export function isPlain(text: string): boolean {
  return !ENDS.test(text);
}

/**
 * A string of Stata between compound quotes, for a text that {@link isPlain}.
 *
 * @see Stata's manual, [U] 18.3.5 Double quotes
 */
export function quoted(text: string): string {
  return `\`"${text.toWellFormed()}"'`;
}

/**
 * An expression, of Stata and of Mata, whose value is the text, whatever it holds: other than a quoted one it is not scanned again for
 * macros, comments and quotes. Without NUL, which Stata's labels cannot hold.
 */
export function expression(text: string): string {
  if (isPlain(text) && !/["']/.test(text)) return `"${text.toWellFormed()}"`;
  const terms: string[] = [];
  let plain = '';
  for (const character of text.toWellFormed().replaceAll('\0', '')) {
    if (!UNSAFE.test(character)) {
      plain += character;
      continue;
    }
    if (plain) terms.push(`"${plain}"`);
    plain = '';
    terms.push(`char(${character.codePointAt(0)})`);
  }
  if (plain || terms.length === 0) terms.push(`"${plain}"`);
  return terms.join(' + ');
}
