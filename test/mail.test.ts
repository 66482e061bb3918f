import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import type { FailureCode } from '../contracts/failures.ts';
import type { Email, Mail } from '../stores/mail/mail.ts';
import { createMail } from '../stores/mail/smtp.ts';
import { useStack } from './context.ts';
import { failsWith } from './ledger-set-up.ts';
import { type ScriptedSmtp, startSmtpServer } from './smtp-server.ts';

const { ports, urls } = useStack();
const FROM = 'Waybill <waybill@example.org>';
const catcher = `smtp://127.0.0.1:${ports.smtp}`;
const closing: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

function open(url: string): Mail {
  const mail = createMail({ url, from: FROM });
  closing.push(() => mail.close());
  return mail;
}

async function scripted(answer: (command: string) => string | undefined): Promise<ScriptedSmtp> {
  const server = await startSmtpServer(answer);
  closing.push(() => server.close());
  return server;
}

function letterTo(...to: string[]): Email {
  const reference = randomUUID();
  return { to, subject: `Grüße ${reference}`, text: 'Ein Brief.\n', html: '<p>Ein Brief.</p>', reference };
}

interface Caught {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly messageId: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly envelope: {
    readonly from: { readonly address: string };
    readonly to: readonly { readonly address: string }[];
  };
}

/** Waits for letters in the stack's catcher that have this subject. */
async function caught(subject: string, count: number): Promise<readonly Caught[]> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const all = (await (await fetch(`${urls.mail}/email`)).json()) as readonly Caught[];
    const mine = all.filter((mail) => mail.subject === subject);
    if (mine.length >= count) return mine;
    if (Date.now() > deadline) throw new Error(`${mine.length} of ${count} letters after 20 s`);
    await delay(50);
  }
}

describe('a letter', () => {
  test('goes to each address by itself, as text and as HTML, under an id that stays', async () => {
    const letter = letterTo('ann@example.com', 'bob@example.com');
    await open(catcher).send(letter);
    // Another process that sends it again has the same ids.
    await open(catcher).send(letter);
    const mails = await caught(letter.subject, 4);
    expect(mails).toHaveLength(4);
    for (const mail of mails) {
      expect(mail).toMatchObject({ subject: letter.subject, text: letter.text, html: letter.html });
      expect(mail.headers).toMatchObject({ 'auto-submitted': 'auto-generated', from: FROM });
      expect(mail.envelope.from.address).toBe('waybill@example.org');
      expect(mail.envelope.to).toHaveLength(1);
      expect(mail.headers.to).toBe(mail.envelope.to[0]?.address);
    }
    const ids = Map.groupBy(mails, ({ messageId }) => messageId);
    expect([...ids.values()].map((same) => same.map(({ headers }) => headers.to)).sort()).toEqual([
      ['ann@example.com', 'ann@example.com'],
      ['bob@example.com', 'bob@example.com'],
    ]);
    expect([...ids.keys()].every((id) => /^[0-9a-f]{32}@example\.org$/.test(id))).toBe(true);
  });

  test('cannot be given other headers by its subject or its address', async () => {
    const server = await scripted(() => undefined);
    const evil = { ...letterTo('ann@example.com'), subject: 'Hello\r\nBcc: eve@example.com\r\n\r\nBody' };
    await open(`smtp://127.0.0.1:${server.port}`).send(evil);
    expect(server.letters).toHaveLength(1);
    expect(server.letters[0]?.to).toEqual(['ann@example.com']);
    expect(server.letters[0]?.content).not.toMatch(/^Bcc:/im);
  });

  test('to nobody is no letter', async () => {
    await open('smtp://127.0.0.1:1').send(letterTo());
  });
});

describe('the server', () => {
  test('is asked with the user and the password of the URL, decoded', async () => {
    const server = await scripted(() => undefined);
    await open(`smtp://way%40bill:p%2Fa%3Ass%40%25@127.0.0.1:${server.port}`).send(letterTo('ann@example.com'));
    expect(server.logIns).toEqual([['way@bill', 'p/a:ss@%']]);
  });

  test.each([
    ['smtp', '?requireTLS=true'],
    ['smtps', ''],
  ])('must offer TLS where the URL wants it: %s://…%s', async (scheme, query) => {
    const server = await scripted(() => undefined);
    const mail = open(`${scheme}://127.0.0.1:${server.port}${query}`);
    await expect(mail.send(letterTo('ann@example.com'))).rejects.toEqual(failsWith('mail_unavailable'));
    expect(server.letters).toEqual([]);
  });

  test('can be asked whether it is there', async () => {
    await open(catcher).ping();
    const closed = await startSmtpServer(() => undefined);
    await closed.close();
    await expect(open(`smtp://127.0.0.1:${closed.port}`).ping()).rejects.toEqual(failsWith('mail_unavailable'));
  });
});

describe('trouble', () => {
  test.each<readonly [what: string, FailureCode, script: (command: string) => string | undefined]>([
    ['an unknown recipient', 'mail_refused', (line) => (/^RCPT/.test(line) ? '550 5.1.1 no such user' : undefined)],
    ['a sender that is not allowed', 'mail_refused', (line) => (/^MAIL/.test(line) ? '550 5.7.1 no' : undefined)],
    ['content that is not liked', 'mail_refused', (line) => (line === 'content' ? '554 5.7.1 spam' : undefined)],
    ['a full mailbox', 'mail_unavailable', (line) => (/^RCPT/.test(line) ? '452 4.2.2 full' : undefined)],
    ['a server that is busy', 'mail_unavailable', (line) => (line === 'connect' ? '421 busy' : undefined)],
    ['a server that has ended its service', 'mail_unavailable', (line) => (line === 'connect' ? '554 no' : undefined)],
    ['a full disk', 'mail_unavailable', (line) => (line === 'content' ? '451 4.3.0 full' : undefined)],
    ['a wrong password', 'mail_unavailable', (line) => (/^AUTH/.test(line) ? '535 5.7.8 no' : undefined)],
    ['a log-in that is missing', 'mail_unavailable', (line) => (/^MAIL/.test(line) ? '530 5.7.0 log in' : undefined)],
  ])('%s is %s, and says nothing that it should not', async (_, code, script) => {
    const server = await scripted(script);
    const sending = open(`smtp://user:hush-hush@127.0.0.1:${server.port}`).send(letterTo('ann@example.com'));
    const error: unknown = await sending.catch((reason: unknown) => reason);
    expect(error).toEqual(failsWith(code));
    const { message, cause } = error as Error;
    expect(message).not.toMatch(/127\.0\.0\.1|hush|user:|ann@|example/);
    expect(cause).toBeInstanceOf(Error);
    expect(inspect(error, { depth: null })).not.toContain('hush-hush');
  });

  test('with one address does not keep the letter from the others, and is told', async () => {
    const server = await scripted((line) => (/^RCPT.*bob/.test(line) ? '550 5.1.1 no such user' : undefined));
    const letter = letterTo('ann@example.com', 'bob@example.com', 'cid@example.com');
    const mail = open(`smtp://127.0.0.1:${server.port}`);
    await expect(mail.send(letter)).rejects.toEqual(failsWith('mail_refused'));
    expect(server.letters.flatMap(({ to }) => to)).toEqual(['ann@example.com', 'cid@example.com']);
  });

  test('that time may cure goes before a refusal; those who have the letter are spared the next try', async () => {
    let busy = true;
    const server = await scripted((line) => {
      if (/^RCPT.*bob/.test(line)) return '550 5.1.1 no such user';
      return /^RCPT.*cid/.test(line) && busy ? '450 4.2.0 later' : undefined;
    });
    const letter = letterTo('ann@example.com', 'bob@example.com', 'cid@example.com');
    const mail = open(`smtp://127.0.0.1:${server.port}`);
    await expect(mail.send(letter)).rejects.toEqual(failsWith('mail_unavailable'));
    busy = false;
    await expect(mail.send(letter)).rejects.toEqual(failsWith('mail_refused'));
    expect(server.letters.flatMap(({ to }) => to)).toEqual(['ann@example.com', 'cid@example.com']);
  });

  test('with a server that says nothing ends within seconds, for all addresses together', async () => {
    let connections = 0;
    const server = await scripted((line) => {
      if (line === 'connect') connections += 1;
      return 'silence';
    });
    const mail = open(`smtp://127.0.0.1:${server.port}`);
    await expect(mail.send(letterTo('ann@example.com', 'bob@example.com'))).rejects.toEqual(
      failsWith('mail_unavailable'),
    );
    expect(connections).toBe(1);
  });

  test('with a URL that is none does not repeat its password', () => {
    const url = 'smtp://user:hush-hush@[';
    expect(() => createMail({ url, from: FROM })).toThrow('percent-encode');
    expect(() => createMail({ url, from: FROM })).not.toThrow('hush');
  });
});
