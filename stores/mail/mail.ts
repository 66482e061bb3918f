/** One letter, to be read in a mail program. */
export interface Letter {
  /** Addresses; each gets a letter of its own, so that none sees the others. */
  readonly to: readonly string[];
  readonly subject: string;
  /** Plain text, lines of at most 76 characters. */
  readonly text: string;
  /** The same as HTML: a whole document, styles inline, nothing loaded from elsewhere. */
  readonly html: string;
  /** Text that only this letter has. A letter that is sent again has the same, so that mail programs show it once. */
  readonly reference: string;
}

/**
 * Sends mail.
 *
 * Errors: `WaybillError` with `mail_unavailable` (a retry may help) or `mail_refused` (it would not). Messages hold no
 * host, no password and no address; `cause` may.
 */
export interface Mail {
  /** Resolves when the server has taken the letter for every address. */
  send(letter: Letter): Promise<void>;
  /** @throws WaybillError `mail_unavailable` */
  ping(): Promise<void>;
  close(): void;
}
