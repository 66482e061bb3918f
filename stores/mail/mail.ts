import { WaybillError } from '../../contracts/failures.ts';

/** One e-mail message. */
export interface Email {
  /** Addresses; each gets its own message, so that none sees the others. */
  readonly to: readonly string[];
  readonly subject: string;
  /** Plain text, lines of at most 76 characters. */
  readonly text: string;
  /** The same as HTML: a whole document, styles inline, nothing loaded from elsewhere. */
  readonly html: string;
  /** Unique per message and equal on a resend, so that mail programs show the message once. */
  readonly reference: string;
}

/**
 * The connection broke while the server may already have accepted the message. Resending it could send it twice.
 */
export class MailUncertain extends WaybillError {
  constructor(cause: unknown) {
    super('mail_unavailable', undefined, { cause });
  }
}

/**
 * Sends mail.
 *
 * Errors: `WaybillError` with `mail_unavailable` (a retry may help) or `mail_refused` (it would not). Error messages
 * contain no host, password or address; `cause` may. {@link MailUncertain} is a `mail_unavailable`.
 */
export interface Mail {
  /** Resolves when the server has accepted the message for every address. */
  send(email: Email): Promise<void>;
  /** @throws WaybillError `mail_unavailable` */
  ping(): Promise<void>;
  close(): void;
}
