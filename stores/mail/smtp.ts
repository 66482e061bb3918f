import { createHash } from 'node:crypto';
import { createTransport } from 'nodemailer';
import type { WaybillError } from '../../contracts/failures.ts';
import type { Letter, Mail } from './mail.ts';
import { concernsLetter, mailTrouble, worstOf } from './trouble.ts';

/** Milliseconds that the server may take for each step before it counts as away. */
const STEP_MS = { dnsTimeout: 5_000, connectionTimeout: 5_000, greetingTimeout: 5_000, socketTimeout: 10_000 } as const;

/** Milliseconds that one address may take from the first to the last step. */
const LETTER_MS = 30_000;

/** A count of letters that are remembered as taken. */
const TAKEN_MAX = 1000;

/**
 * Mail over SMTP, a connection a letter.
 *
 * @param options.url `smtp://` or `smtps://`, user and password percent-encoded in it. With `smtp://`, TLS is used where
 *   the server offers it, and then must hold. Options of nodemailer may follow, such as `?requireTLS=true`.
 * @param options.from an address, or `Name <address>`
 * @throws Error for a URL that is none; it does not repeat it
 */
export function createMail(options: { readonly url: string; readonly from: string }): Mail {
  const { url, from } = options;
  if (!URL.canParse(url))
    throw new Error('The URL of the mail server is not one: percent-encode what its password holds.');
  const transport = createTransport({ url, ...STEP_MS, disableFileAccess: true, disableUrlAccess: true });
  const domain = domainOf(from);
  /**
   * Message-IDs that the server took, oldest first: when a letter is sent again because of one address, the others are
   * spared.
   */
  const taken = new Set<string>();

  async function sendTo(address: string, { subject, text, html, reference }: Letter): Promise<void> {
    const messageId = messageIdOf(reference, address, domain);
    if (taken.has(messageId)) return;
    await transport.sendMail({
      messageId,
      from,
      to: { name: '', address },
      subject,
      text,
      html,
      // RFC 3834: absence notes and the like do not answer it.
      headers: { 'Auto-Submitted': 'auto-generated' },
      signal: AbortSignal.timeout(LETTER_MS),
    });
    taken.add(messageId);
    for (const oldest of taken) {
      if (taken.size <= TAKEN_MAX) break;
      taken.delete(oldest);
    }
  }

  return {
    async send(letter) {
      const troubles: WaybillError[] = [];
      for (const address of letter.to) {
        try {
          await sendTo(address, letter);
        } catch (error) {
          troubles.push(mailTrouble(error));
          if (!concernsLetter(error)) break;
        }
      }
      const worst = worstOf(troubles);
      if (worst) throw worst;
    },

    async ping() {
      try {
        await transport.verify();
      } catch (error) {
        throw mailTrouble(error);
      }
    },

    close() {
      transport.close();
    },
  };
}

/** The same for the same letter, so that mail programs show it once. Source: RFC 5322, section 3.6.4. */
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
