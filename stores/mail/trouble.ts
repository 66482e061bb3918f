import type { NodemailerError } from 'nodemailer';
import { WaybillError } from '../../contracts/failures.ts';

/** Codes of nodemailer for a letter that was not taken while the connection worked: sender or recipient, and content. */
const ABOUT_LETTER: readonly unknown[] = ['EENVELOPE', 'EMESSAGE'];

/** Replies that ask for a log-in, which an operator has to set right. Source: RFC 4954, section 6. */
const LOG_IN_WANTED: readonly unknown[] = [530, 534, 535, 538];

/**
 * Sorts what nodemailer throws. Replies from 400 on ask to come again later, those from 500 on not to (RFC 5321, section
 * 4.2.1). What an operator has to set right, such as the password, is unavailable until then.
 *
 * nodemailer's messages hold hosts and addresses, so they only go along as `cause`.
 */
export function mailTrouble(error: unknown): WaybillError {
  if (wantsLogIn(error)) {
    const message = 'The mail server does not take the user and password it was given. Tell the operator.';
    return new WaybillError('mail_unavailable', message, { cause: error });
  }
  // Without a reply it was nodemailer that saw that the server could not take it.
  const refused = concernsLetter(error) && isNodemailerError(error) && error.permanent !== false;
  return new WaybillError(refused ? 'mail_refused' : 'mail_unavailable', undefined, { cause: error });
}

/** Whether it is about this one letter, so that the server may well take the next one. */
export function concernsLetter(error: unknown): boolean {
  return isNodemailerError(error) && ABOUT_LETTER.includes(error.code) && !wantsLogIn(error);
}

/**
 * One for several: what time can cure comes first, because another try is worth it, and finds the refusals again.
 *
 * @returns `undefined` for none
 */
export function worstOf(troubles: readonly WaybillError[]): WaybillError | undefined {
  const worst = troubles.find(({ code }) => code === 'mail_unavailable') ?? troubles[0];
  if (!worst || troubles.length === 1) return worst;
  const cause = new AggregateError(troubles.map((trouble) => trouble.cause));
  return new WaybillError(worst.code, worst.message, { cause });
}

function wantsLogIn(error: unknown): boolean {
  return isNodemailerError(error) && (error.code === 'EAUTH' || LOG_IN_WANTED.includes(error.responseCode));
}

function isNodemailerError(error: unknown): error is NodemailerError {
  return error instanceof Error && 'code' in error;
}
