import { randomUUID } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { FailureCode } from '../contracts/failures.ts';
import type { Email, Mail } from '../stores/mail/mail.ts';
import { createMail } from '../stores/mail/smtp.ts';
import { closeAtEnd } from './cleanup.ts';
import { useStack } from './context.ts';
import { failsWith } from './ledger-set-up.ts';
import { startSmtpServer } from './smtp-server.ts';
import { waitUntil } from './wait-until.ts';

const { ports, urls } = useStack();
const FROM = 'Waybill <waybill@example.org>';
const catcher = `smtp://127.0.0.1:${ports.smtp}`;

function open(url: string): Mail {
  const mail = createMail({ url, from: FROM });
  closeAtEnd(() => mail.close());
  return mail;
}

function emailTo(...to: string[]): Email {
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

/** Waits for emails with this subject on the stack's mail server. */
async function caught(subject: string, count: number): Promise<readonly Caught[]> {
  const find = async () => {
    const all = (await (await fetch(`${urls.mail}/email`)).json()) as readonly Caught[];
    return all.filter((mail) => mail.subject === subject);
  };
  return waitUntil(find, ({ length }) => length >= count, 20);
}

describe('an email', () => {
  test('is sent to each address separately, as text and HTML, with a stable id', async () => {
    const email = emailTo('ann@example.com', 'bob@example.com');
    await open(catcher).send(email);
    // Another process sends it again with the same ids.
    await open(catcher).send(email);
    const mails = await caught(email.subject, 4);
    expect(mails).toHaveLength(4);
    for (const mail of mails) {
      expect(mail).toMatchObject({ subject: email.subject, text: email.text, html: email.html });
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

  test('cannot get other headers through its subject or address', async () => {
    const server = await startSmtpServer(() => undefined);
    const evil = { ...emailTo('ann@example.com'), subject: 'Hello\r\nBcc: eve@example.com\r\n\r\nBody' };
    await open(`smtp://127.0.0.1:${server.port}`).send(evil);
    expect(server.emails).toHaveLength(1);
    expect(server.emails[0]?.to).toEqual(['ann@example.com']);
    expect(server.emails[0]?.content).not.toMatch(/^Bcc:/im);
  });

  test('without recipients is not sent', async () => {
    await open('smtp://127.0.0.1:1').send(emailTo());
  });
});

describe('the mail server', () => {
  test('gets the decoded user and password of the URL', async () => {
    const server = await startSmtpServer(() => undefined);
    await open(`smtp://way%40bill:p%2Fa%3Ass%40%25@127.0.0.1:${server.port}`).send(emailTo('ann@example.com'));
    expect(server.logIns).toEqual([['way@bill', 'p/a:ss@%']]);
  });

  test.each([
    ['smtp', '?requireTLS=true'],
    ['smtps', ''],
  ])('must offer TLS if the URL requires it: %s://…%s', async (scheme, query) => {
    const server = await startSmtpServer(() => undefined);
    const mail = open(`${scheme}://127.0.0.1:${server.port}${query}`);
    await expect(mail.send(emailTo('ann@example.com'))).rejects.toEqual(failsWith('mail_unavailable'));
    expect(server.emails).toEqual([]);
  });

  test('can be pinged', async () => {
    await open(catcher).ping();
    const closed = await startSmtpServer(() => undefined);
    await closed.close();
    await expect(open(`smtp://127.0.0.1:${closed.port}`).ping()).rejects.toEqual(failsWith('mail_unavailable'));
  });
});

describe('a failure', () => {
  test.each<readonly [what: string, FailureCode, script: (command: string) => string | undefined]>([
    ['an unknown recipient', 'mail_refused', (line) => (/^RCPT/.test(line) ? '550 5.1.1 no such user' : undefined)],
    ['a sender that is not allowed', 'mail_refused', (line) => (/^MAIL/.test(line) ? '550 5.7.1 no' : undefined)],
    ['rejected content', 'mail_refused', (line) => (line === 'content' ? '554 5.7.1 spam' : undefined)],
    ['a full mailbox', 'mail_unavailable', (line) => (/^RCPT/.test(line) ? '452 4.2.2 full' : undefined)],
    ['a busy server', 'mail_unavailable', (line) => (line === 'connect' ? '421 busy' : undefined)],
    ['a server that refuses connections', 'mail_unavailable', (line) => (line === 'connect' ? '554 no' : undefined)],
    ['a full disk', 'mail_unavailable', (line) => (line === 'content' ? '451 4.3.0 full' : undefined)],
    ['a wrong password', 'mail_unavailable', (line) => (/^AUTH/.test(line) ? '535 5.7.8 no' : undefined)],
    ['a missing login', 'mail_unavailable', (line) => (/^MAIL/.test(line) ? '530 5.7.0 log in' : undefined)],
  ])('of %s is %s, and discloses nothing', async (_, code, script) => {
    const server = await startSmtpServer(script);
    const sending = open(`smtp://user:hush-hush@127.0.0.1:${server.port}`).send(emailTo('ann@example.com'));
    const error: unknown = await sending.catch((reason: unknown) => reason);
    expect(error).toEqual(failsWith(code));
    const { message, cause } = error as Error;
    expect(message).not.toMatch(/127\.0\.0\.1|hush|user:|ann@|example/);
    expect(cause).toBeInstanceOf(Error);
    expect(inspect(error, { depth: null })).not.toContain('hush-hush');
  });

  test('at one address does not keep the email from the others, and is reported', async () => {
    const server = await startSmtpServer((line) => (/^RCPT.*bob/.test(line) ? '550 5.1.1 no such user' : undefined));
    const email = emailTo('ann@example.com', 'bob@example.com', 'cid@example.com');
    const mail = open(`smtp://127.0.0.1:${server.port}`);
    await expect(mail.send(email)).rejects.toEqual(failsWith('mail_refused'));
    expect(server.emails.flatMap(({ to }) => to)).toEqual(['ann@example.com', 'cid@example.com']);
  });

  test('that is temporary takes precedence over a refusal, and a retry skips addresses that have the email', async () => {
    let busy = true;
    const server = await startSmtpServer((line) => {
      if (/^RCPT.*bob/.test(line)) return '550 5.1.1 no such user';
      return /^RCPT.*cid/.test(line) && busy ? '450 4.2.0 later' : undefined;
    });
    const email = emailTo('ann@example.com', 'bob@example.com', 'cid@example.com');
    const mail = open(`smtp://127.0.0.1:${server.port}`);
    await expect(mail.send(email)).rejects.toEqual(failsWith('mail_unavailable'));
    busy = false;
    await expect(mail.send(email)).rejects.toEqual(failsWith('mail_refused'));
    expect(server.emails.flatMap(({ to }) => to)).toEqual(['ann@example.com', 'cid@example.com']);
  });

  test('of a silent server takes seconds, for all addresses together', async () => {
    let connections = 0;
    const server = await startSmtpServer((line) => {
      if (line === 'connect') connections += 1;
      return 'silence';
    });
    const mail = open(`smtp://127.0.0.1:${server.port}`);
    await expect(mail.send(emailTo('ann@example.com', 'bob@example.com'))).rejects.toEqual(
      failsWith('mail_unavailable'),
    );
    expect(connections).toBe(1);
  });

  test('of an invalid URL does not disclose its password', () => {
    const url = 'smtp://user:hush-hush@[';
    expect(() => createMail({ url, from: FROM })).toThrow('percent-encode');
    expect(() => createMail({ url, from: FROM })).not.toThrow('hush');
  });
});
