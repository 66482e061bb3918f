/** How much of a label a format holds. */
export interface LabelLimit {
  readonly max: number;
  readonly unit: 'bytes' | 'characters';
}

/**
 * What a format holds of a label: a limited size, and nothing from a zero byte on, with which texts end in both formats.
 *
 * @param what the label is of, as a note on what is cut begins: `The label of age`
 */
export function heldLabel(label: string, what: string, { max, unit }: LabelLimit, notes: string[]): string {
  const whole = withoutZeros(label);
  if (whole !== label) notes.push(`${what} has a zero byte, with which labels end, and is cut there.`);
  const held = unit === 'bytes' ? textOfBytes(whole, max) : shortened(whole, max);
  if (held !== whole) notes.push(`${what} has more than ${max.toLocaleString('en')} ${unit} and is cut.`);
  return held;
}

/** @returns what precedes the first zero byte */
function withoutZeros(text: string): string {
  return text.split('\0')[0] ?? '';
}

/** @returns the longest beginning of at most so many bytes in UTF-8, cut between characters */
export function textOfBytes(text: string, bytesMax: number): string {
  if (Buffer.byteLength(text) <= bytesMax) return text;
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(bytesMax));
  return text.slice(0, read);
}

/** @returns the beginning of so many characters */
function shortened(text: string, charactersMax: number): string {
  return text.length <= charactersMax ? text : [...text].slice(0, charactersMax).join('');
}
