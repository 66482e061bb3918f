import { html } from 'hono/html';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { FAILURES, type FailureCode, type FailureKind, WaybillError } from '../../../contracts/failures.ts';
import { finalResponse, retryAfterSeconds } from '../../http/problems.ts';
import { linkButton } from '../components/field.ts';
import { icon } from '../components/icon.ts';
import { apiContext, type PortalContext } from '../environment.ts';
import type { Shell } from './page.ts';

/** An error of a page, in the words of pages. */
export class PageError extends Error {
  override readonly name = 'PageError';
  readonly status: 400 | 403 | 404 | 410 | 415;
  readonly title: string;

  constructor(status: PageError['status'], title: string, text: string) {
    super(text);
    this.status = status;
    this.title = title;
  }
}

interface Told {
  readonly status: number;
  readonly title: string;
  readonly text: string;
  /** Whether the same may succeed later. */
  readonly isTransient: boolean;
}

/** What pages say instead of the words for programs. */
const WORDS: Readonly<Partial<Record<FailureCode, readonly [title: string, text: string]>>> = {
  not_found: ['There is nothing here', 'Check the address, or begin at the start.'],
  gone: ['The file is gone', 'It was deleted, or its time is over. Order it again to make a new one.'],
  not_ready: ['The export is not finished yet', 'Its page says how far it is.'],
  no_file: ['There is no file', 'The export did not finish. Its page says why.'],
  insufficient_scope: ['You may look, not change', 'Log in with a credential that may write.'],
  outside_limits: ['Your credential is limited', 'Log in with one whose limits allow this.'],
  foreign_origin: ['The form came from elsewhere', 'Go back, load the page again and send the form once more.'],
  internal: ['The page could not be loaded', 'Your exports and files are safe.'],
  ledger_unavailable: [
    'The page could not be loaded',
    'The service is restarting or busy. Your exports and files are safe.',
  ],
  objects_unavailable: ['The file could not be read', 'The store of files is restarting or busy. Your files are safe.'],
  temporal_unavailable: [
    'Nothing could be started',
    'The service is restarting or busy. Your exports and files are safe.',
  ],
};

function tell(error: unknown): Told {
  if (error instanceof PageError) {
    return { status: error.status, title: error.title, text: error.message, isTransient: false };
  }
  const code = error instanceof WaybillError ? error.code : 'internal';
  const { status, title, retryable }: FailureKind = FAILURES[code];
  const [heading = title, text = error instanceof WaybillError ? error.message : ''] = WORDS[code] ?? [];
  return { status, title: heading, text, isTransient: retryable };
}

/** Answers an error with a page, and logs it. */
export function errorPage(c: PortalContext, shell: Shell, error: unknown): Response | Promise<Response> {
  const final = error instanceof PageError ? undefined : finalResponse(apiContext(c), error);
  if (final) return final;
  const { status, title, text, isTransient } = tell(error);
  if (status === 429 || status === 503) c.header('Retry-After', String(retryAfterSeconds(error)));
  c.header('Cache-Control', 'no-store');
  const content = html`<div class="narrow stack"><section class="panel" aria-labelledby="error-title"><div class="empty">${icon(isTransient ? 'warn' : 'info')}<h1 id="error-title">${title}</h1>
<p>${text}</p><p class="small">Request id <code>${c.get('requestId')}</code></p>
<div class="row">${isTransient && c.req.method === 'GET' ? linkButton(c.req.path, { label: 'Try again' }) : ''}${linkButton(shell.start, { label: 'Go to the start' })}</div></div></section></div>`;
  const page = { title, content, status: status as ContentfulStatusCode };
  return c.get('csrf') ? shell.page(c, page) : shell.gate(c, page);
}
