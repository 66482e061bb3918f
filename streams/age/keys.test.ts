import { describe, expect, it } from 'vitest';
import { WaybillError } from '../../contracts/failures.ts';
import { generateKey, parseIdentities, parseRecipient, parseRecipients, recipientOf } from './keys.ts';

const classic = await generateKey({ postQuantum: false });
const postQuantum = await generateKey({ postQuantum: true });

function problem(call: () => unknown): WaybillError {
  try {
    call();
  } catch (error) {
    if (error instanceof WaybillError) return error;
    throw error;
  }
  throw new Error('was accepted');
}

/** The text with the character at the index replaced by another that bech32 has. */
function mistyped(text: string, index: number): string {
  return text.slice(0, index) + (text.charAt(index) === 'q' ? 'p' : 'q') + text.slice(index + 1);
}

describe('generated keys', () => {
  it('have the published forms, and the recipient follows from the identity', async () => {
    expect(classic.identity).toMatch(/^AGE-SECRET-KEY-1/);
    expect(classic.recipient).toMatch(/^age1[^1]{58}$/);
    expect(postQuantum.identity).toMatch(/^AGE-SECRET-KEY-PQ-1/);
    expect(postQuantum.recipient).toMatch(/^age1pq1/);
    for (const key of [classic, postQuantum])
      expect(await recipientOf(`# mine\n${key.identity}\n`)).toBe(key.recipient);
  });
});

describe('recipients', () => {
  it.each([classic.recipient, postQuantum.recipient])('%.12s is accepted, with blanks around it', (recipient) => {
    expect(parseRecipient(` ${recipient}\n`)).toBe(recipient);
  });

  it.each([
    ['nothing', ' ', /is empty/],
    ['a private key', classic.identity, /private key.*make a new one/],
    ['a private key in lower case', classic.identity.toLowerCase(), /private key/],
    ['a post-quantum private key', postQuantum.identity, /private key/],
    ['an SSH key', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN', /SSH keys/],
    ['upper case', classic.recipient.toUpperCase(), /lower case/],
    ['something else', 'hello', /begins with age1/],
    ['a plugin', 'age1yubikey1qgzqp', /plugins/],
    ['a hardware key', `age1tag1${classic.recipient.slice(4)}`, /plugins/],
    ['one character too few', classic.recipient.slice(0, -1), /61 characters.*has 62/],
    ['one character too many', `${classic.recipient}q`, /63 characters.*has 62/],
    ['a post-quantum one cut short', postQuantum.recipient.slice(0, 1000), /1000 characters.*has 1959/],
    ['a character that bech32 lacks', classic.recipient.replace(/.$/, 'b'), /wrong character at position 62/],
    ['a mistyped character', mistyped(classic.recipient, 30), /checksum/],
    ['a mistyped post-quantum one', mistyped(postQuantum.recipient, 1000), /checksum/],
    ['two in one', `${classic.recipient} ${classic.recipient}`, /plugins|wrong character/],
  ])('%s is refused, and never repeated', (_, text, message) => {
    const error = problem(() => parseRecipient(text));
    expect(error).toMatchObject({ code: 'invalid_recipient', field: 'recipients' });
    expect(error.message).toMatch(message);
    if (text.trim().length > 10) expect(`${error.message}${String(error.cause)}`).not.toContain(text.slice(8, 20));
  });

  it('are each kept once, and of one kind', () => {
    expect(parseRecipients([])).toEqual([]);
    expect(parseRecipients([classic.recipient, `${classic.recipient} `])).toEqual([classic.recipient]);
    expect(problem(() => parseRecipients([classic.recipient, postQuantum.recipient])).message).toMatch(/mixed/);
  });
});

describe('identities', () => {
  it.each([
    '',
    '# only a comment',
    'age1qqq',
    classic.recipient,
    classic.identity.slice(0, -1),
    `${classic.identity}x`,
    'AGE-SECRET-KEY-1',
  ])('refuses %j', (text) => {
    expect(problem(() => parseIdentities(text)).code).toBe('wrong_key');
  });

  it('says that one is mistyped without repeating it', async () => {
    const wrong = classic.identity.replace(/.$/, classic.identity.endsWith('Q') ? 'P' : 'Q');
    const error: unknown = await recipientOf(wrong).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'wrong_key', cause: undefined, message: expect.stringMatching(/checksum/) });
    expect(String((error as Error).stack)).not.toContain(wrong.slice(20, 40));
  });
});
