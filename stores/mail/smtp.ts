import { createHash } from 'node:crypto';
import { createTransport, type NodemailerError } from 'nodemailer';
import { WaybillError } from '../../contracts/failures.ts';
import { type Email, type Mail, MailUncertain } from './mail.ts';

/** Timeout of each step, in milliseconds; after it the server counts as unavailable. */
const STEP_MS = { dnsTimeout: 5_000, connectionTimeout: 5_000, greetingTimeout: 5_000, socketTimeout: 10_000 } as const;

/** Timeout for one address over all steps, in milliseconds. */
const EMAIL_MS = 30_000;

/** How many accepted Message-IDs are remembered. */
const TAKEN_MAX = 1000;

/**
 * Mail over SMTP, one connection per message.
 *
 * @param options.url `smtp://` or `smtps://`, user and password percent-encoded in it. With `smtp://`, TLS is used if
 *   the server offers it, and its certificate must then be valid. Options of nodemailer may follow, such as `?requireTLS=true`.
 * @param options.from an address, or `Name <address>`
 * @throws Error if the URL is invalid; the message does not contain it
 */
export function createMail(options: { readonly url: string; readonly from: string }): Mail {
  const { url, from } = options;
  if (!URL.canParse(url)) throw new Error('The URL of the mail server is invalid: percent-encode the password.');
  const transport = createTransport({ url, ...STEP_MS, disableFileAccess: true, disableUrlAccess: true });
  const domain = domainOf(from);
  /**
   * Message-IDs that the server accepted, oldest first. When a message is resent because one address failed, the others are
   * skipped.
   */
  const taken = new Set<string>();

  async function sendTo(address: string, { subject, text, html, reference }: Email): Promise<void> {
    const messageId = messageIdOf(reference, address, domain);
    if (taken.has(messageId)) return;
    await transport.sendMail({
      messageId,
      from,
      to: { name: '', address },
      subject,
      text,
      html,
      // RFC 3834: suppresses out-of-office and other automatic replies.
      headers: { 'Auto-Submitted': 'auto-generated' },
      signal: AbortSignal.timeout(EMAIL_MS),
    });
    taken.add(messageId);
    for (const oldest of taken) {
      if (taken.size <= TAKEN_MAX) break;
      taken.delete(oldest);
    }
  }

  return {
    async send(email) {
      const failures: WaybillError[] = [];
      for (const address of email.to) {
        try {
          await sendTo(address, email);
        } catch (error) {
          failures.push(toFailure(error));
          if (!concernsEmail(error)) break;
        }
      }
      const worst = worstOf(failures);
      if (worst) throw worst;
    },

    async ping() {
      try {
        await transport.verify();
      } catch (error) {
        throw toFailure(error);
      }
    },

    close() {
      transport.close();
    },
  };
}

/** Equal for a resent message, so that mail programs show it once. Source: RFC 5322, section 3.6.4. */
function messageIdOf(reference: string, address: string, domain: string): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([reference, address]))
    .digest('hex');
  return `<${hash.slice(0, 32)}@${domain}>`;
}

/** @param from an address, or `Name <address>` */
function domainOf(from: string): string {
  return /@([A-Za-z0-9.-]+)>?\s*$/.exec(from)?.[1] ?? 'localhost';
}

/** nodemailer's codes for a rejected message on a working connection: sender, recipient or content. */
const ABOUT_EMAIL: readonly unknown[] = ['EENVELOPE', 'EMESSAGE'];

/** Replies that ask for authentication, which an operator has to fix. Source: RFC 4954, section 6. */
const AUTHENTICATION_WANTED: readonly unknown[] = [530, 534, 535, 538];

/**
 * Translates an error of nodemailer. Replies from 400 on are transient, those from 500 on permanent (RFC 5321, section
 * 4.2.1). What an operator has to fix, such as the password, counts as transient.
 *
 * nodemailer's messages hold hosts and addresses, so they are kept only as `cause`.
 */
function toFailure(error: unknown): WaybillError {
  if (wantsAuthentication(error)) {
    const message = 'The mail server rejects the configured user and password. Contact the operator.';
    return new WaybillError('mail_unavailable', message, { cause: error });
  }
  if (!concernsEmail(error) && !isBeforeContent(error)) return new MailUncertain(error);
  // Without a reply, nodemailer itself found that the server would not accept it.
  const refused = concernsEmail(error) && isNodemailerError(error) && error.permanent !== false;
  return new WaybillError(refused ? 'mail_refused' : 'mail_unavailable', undefined, { cause: error });
}

/** Kinds of time-outs before the server takes a message. */
const EARLY_TIMEOUTS: readonly unknown[] = ['CONNECT_TIMEOUT', 'GREETING_TIMEOUT', 'UPGRADE_TIMEOUT'];
/** nodemailer's codes for a server that is not found, or not trusted. */
const EARLY_CODES: readonly unknown[] = ['EDNS', 'ETLS', 'EAUTH'];

/** Whether the server has certainly not taken the message: it said so, or it was never asked to. */
function isBeforeContent(error: unknown): boolean {
  if (!isNodemailerError(error)) return false;
  const { responseCode, code, timeoutType, syscall } = error;
  if (responseCode !== undefined || EARLY_CODES.includes(code)) return true;
  return EARLY_TIMEOUTS.includes(timeoutType) || syscall === 'connect';
}

/** Whether the error concerns only this message, so the server may accept the next one. */
function concernsEmail(error: unknown): boolean {
  return isNodemailerError(error) && ABOUT_EMAIL.includes(error.code) && !wantsAuthentication(error);
}

/**
 * Merges several failures into one: a transient one if there is any, because a retry runs into the permanent ones again.
 *
 * @returns `undefined` for an empty list
 */
function worstOf(failures: readonly WaybillError[]): WaybillError | undefined {
  const worst = failures.find(({ code }) => code === 'mail_unavailable') ?? failures[0];
  if (!worst || failures.length === 1) return worst;
  const cause = new AggregateError(failures.map(({ cause }) => cause));
  return new WaybillError(worst.code, worst.message, { cause });
}

function wantsAuthentication(error: unknown): boolean {
  return isNodemailerError(error) && (error.code === 'EAUTH' || AUTHENTICATION_WANTED.includes(error.responseCode));
}

function isNodemailerError(error: unknown): error is NodemailerError {
  return error instanceof Error && 'code' in error;
}
