import { randomBytes } from 'node:crypto';
import { WaybillError } from '../../../contracts/failures.ts';
import { TryLater } from '../../http/problems.ts';
import { counted } from '../components/figures.ts';
import type { Notice } from '../components/notice.ts';
import type { PortalContext } from '../environment.ts';
import type { Cookies } from './cookies.ts';
import { csrfToken, isCsrfToken } from './csrf.ts';
import { IDLE_MINUTES, LASTS_HOURS } from './sessions.ts';

const TOKEN_BYTES = 16;

/** Ties the form of a log-in page to the browser that loaded it, so that nobody is logged in as somebody else unknowingly. */
export interface Gate {
  /** @returns the token for the form */
  token(c: PortalContext): string;
  accepts(c: PortalContext, form: URLSearchParams): boolean;
  /** Ends it, once somebody has logged in. */
  close(c: PortalContext): void;
}

export function createGate(cookies: Cookies): Gate {
  return {
    token(c) {
      let secret = cookies.read(c, 'gate');
      if (!secret) {
        secret = randomBytes(TOKEN_BYTES).toString('base64url');
        cookies.set(c, 'gate', secret);
      }
      return csrfToken(secret);
    },
    accepts(c, form) {
      const secret = cookies.read(c, 'gate');
      return secret !== undefined && secret !== '' && isCsrfToken(secret, form.get('csrf'));
    },
    close: (c) => cookies.clear(c, 'gate'),
  };
}

/** Why somebody has to log in again, by the state of the session. */
export const WHY: Readonly<Record<string, Notice>> = {
  idle: { title: `You were logged out after ${IDLE_MINUTES} min. Nothing was lost.` },
  over: { title: `You were logged out after ${LASTS_HOURS} h. Nothing was lost.` },
  revoked: {
    kind: 'warn',
    title: 'Your credential was changed or switched off',
    text: 'Log in with the one that is valid now.',
  },
  out: { title: 'You are logged out' },
};

export const STALE: Notice = {
  kind: 'warn',
  title: 'The log-in page was too old',
  text: 'Log in again.',
  isAnswer: true,
};

/** @returns what a log-in is told that was refused unread, with Retry-After set. @throws any other error */
export function tooMany(c: PortalContext, error: unknown): Notice {
  if (!(error instanceof WaybillError) || error.code !== 'rate_limited') throw error;
  const seconds = error instanceof TryLater ? Math.max(1, Math.ceil(error.retryAfterSeconds)) : 1;
  c.header('Retry-After', String(seconds));
  const text = `Try again in ${counted(seconds, 'second')}.`;
  return { kind: 'bad', title: 'Too many log-ins failed', text, isAnswer: true };
}
