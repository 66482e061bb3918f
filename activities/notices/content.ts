/** What a letter says, before it is laid out. All of it is plain text; the layouts escape what they must. */
export interface LetterContent {
  readonly subject: string;
  /** Whether it is about trouble or about its end; HTML shows it as a colour, beside the words. */
  readonly mood: 'trouble' | 'relief';
  /** What the letter is about, such as `Periodic export of Acme`. */
  readonly about: string;
  readonly heading: string;
  readonly opening: string;
  readonly facts: readonly Fact[];
  readonly sections: readonly { readonly heading: string; readonly paragraphs: readonly string[] }[];
  /** Why the reader gets it. */
  readonly closing: string;
}

export interface Fact {
  readonly label: string;
  readonly value: string;
  /** An id or the like, to be copied as it is. */
  readonly exact?: boolean;
}

/** Controls, line separators, and marks that turn the direction of text; not the joiners that scripts and emoji need. */
const UNPRINTABLE = /(?![\u200c\u200d])[\s\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]+/gu;

/** Text from elsewhere as one line, so that it adds neither headers nor lines. */
export function oneLine(text: string): string {
  return text.replace(UNPRINTABLE, ' ').trim();
}

/** @param charactersMax at the most, the ellipsis included */
export function shortened(text: string, charactersMax: number): string {
  const characters = Array.from(text);
  return characters.length <= charactersMax ? text : `${characters.slice(0, charactersMax - 1).join('')}…`;
}

const DAY = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' });
const TIME = new Intl.DateTimeFormat('en-GB', { timeStyle: 'short', timeZone: 'UTC' });

/** Keeps what belongs together on one line. */
const NO_BREAK = '\u00a0';

/** Such as `21 November 2026, 01:42 UTC`. */
export function moment(at: Date): string {
  return `${DAY.format(at)}, ${TIME.format(at)}${NO_BREAK}UTC`;
}

/** Such as `1 file` and `1,204 files`. */
export function counted(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}
