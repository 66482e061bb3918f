import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Failure } from '../../contracts/failures.ts';
import type { Instant } from '../../contracts/instant.ts';
import { PERIODIC } from '../../contracts/periodic.ts';
import type { Notice } from '../../stores/ledger/ports.ts';
import { type NoticeContext, noticeEmail } from './email.ts';
import { COLUMNS } from './layout.ts';

const AWAY: Failure = {
  code: 'warehouse_unavailable',
  message: 'The warehouse cannot be reached. Try again later.',
};

function noticeOf(more: Partial<Notice> = {}): Notice {
  return {
    noticeId: '0199f0b4-aaaa-7e3f-8a4b-5c6d7e8f9a0b',
    tenant: 'acme',
    kind: 'failed',
    runId: '0199f0b4-1c2d-7e3f-8a4b-5c6d7e8f9a0b',
    failingSince: new Date('2026-11-21T01:42:07Z'),
    failure: AWAY,
    ...more,
  };
}

function contextOf(more: Partial<NoticeContext> = {}): NoticeContext {
  return {
    kind: PERIODIC,
    tenantTitle: 'Acme Learning',
    contacts: ['ann@example.com', 'bob@example.com'],
    generation: { snapshotAt: '2026-11-20T01:31:05.123456Z' as Instant, files: 36, rows: 1_234_567 },
    isPartial: false,
    nextRunAt: new Date('2026-11-22T01:47:00Z'),
    publicUrl: 'https://exports.example.com/waybill/',
    ...more,
  };
}

/** Visible text of the HTML, with spaces normalized. */
function visible(html: string): string {
  return html
    .replace(/<(style|title)>[\s\S]*?<\/\1>/g, '')
    .replace(/<[^>]*>/g, ' ')
    .replace(/&(nbsp|lt|gt|quot|#39|amp);/g, (_, name: string) => NAMED[name] ?? '')
    .replace(/\s+/g, ' ')
    .trim();
}
const NAMED: Readonly<Record<string, string>> = { nbsp: ' ', lt: '<', gt: '>', quot: '"', '#39': "'", amp: '&' };

/** The words of the plain text, without decoration. */
function words(text: string): string {
  return text
    .replace(/^(=+|-+|-- )$/gm, '')
    .replace(/^(Failing since|Failed since|Reason|Downloads|Next run|Run):/gm, '$1')
    .replace(/\s+/g, ' ')
    .trim();
}

describe('the e-mail about a failure', () => {
  it('says that the other files were delivered, if some failed only', () => {
    const failure = { code: 'schema_changed', message: 'user is held: column name is gone.' } as const;
    const { text } = noticeEmail(noticeOf({ failure }), contextOf({ isPartial: true }));
    expect(words(text)).toContain('A run has delivered its other files.');
    expect(words(text)).toContain('Reason user is held: column name is gone.');
    expect(words(text)).toContain('Contact the operator of the service');
  });

  it('says what happened, since when, why, what still works and what happens next', () => {
    const email = noticeEmail(noticeOf(), contextOf());
    expect(email.to).toEqual(['ann@example.com', 'bob@example.com']);
    expect(email.subject).toBe('Periodic export of Acme Learning could not be refreshed');
    expect(email.reference).toBe('notice|0199f0b4-aaaa-7e3f-8a4b-5c6d7e8f9a0b');
    expect(email.text).toBe(FAILED);
  });

  it.each<readonly [what: string, Partial<Notice>, Partial<NoticeContext>, includes: string, excludes: string]>([
    ['no run has succeeded', {}, { generation: null }, 'nothing to download yet', 'continue to work'],
    ['no run is scheduled', {}, { nextRunAt: null }, 'No run is scheduled', 'tries again automatically'],
    [
      'the operator has to act',
      { failure: { code: 'dataset_broken', message: 'The catalog and the warehouse disagree.' } },
      {},
      'Contact the operator of the service and mention the run above',
      'You do not have to do anything',
    ],
    ['the reason is unknown', { failure: null }, {}, 'without a reason', 'undefined'],
    [
      'there is one row',
      {},
      { generation: { snapshotAt: '2026-11-20T01:31:05.123456Z' as Instant, files: 1, rows: 1 } },
      '1 file with 1 row,',
      'rows',
    ],
  ])('says so if %s', (_, notice, context, includes, excludes) => {
    const { text } = noticeEmail(noticeOf(notice), contextOf(context));
    expect(words(text)).toContain(includes);
    expect(words(text)).not.toContain(excludes);
  });
});

describe('the e-mail about a recovery', () => {
  it('says that runs succeed again, and since when they failed', () => {
    const email = noticeEmail(noticeOf({ kind: 'recovered', failure: null }), contextOf());
    expect(email.subject).toBe('Periodic export of Acme Learning works again');
    expect(email.text).toBe(RECOVERED);
  });
});

describe('the e-mail about deliveries', () => {
  const failure: Failure = { code: 'host_key_mismatch', message: 'The server has another host key.' };

  it('says that they fail, why, and that the files can still be fetched', () => {
    const email = noticeEmail(noticeOf({ kind: 'push_failed', failure }), contextOf());
    expect(email.subject).toBe('Files for Acme Learning could not be delivered');
    expect(words(email.text)).toContain('They can still be fetched.');
    expect(words(email.text)).toContain('The server has another host key.');
    expect(words(email.text)).toContain(
      'GET https://exports.example.com/waybill/export/destination with your credential',
    );
  });

  it('says that they succeed again', () => {
    const email = noticeEmail(noticeOf({ kind: 'push_recovered', failure: null }), contextOf());
    expect(email.subject).toBe('Files for Acme Learning are delivered again');
    expect(words(email.text)).toContain('Failed since 21 November 2026, 01:42 UTC');
  });
});

it('the e-mail about what is held says why, and that nothing is lost', () => {
  const failure: Failure = { code: 'schema_changed', message: 'user is held: column text is gone.' };
  const email = noticeEmail(noticeOf({ kind: 'held', failure }), contextOf());
  expect(email.subject).toBe('Periodic export of Acme Learning does without some files for now');
  for (const text of [
    'nothing is lost',
    'user is held: column text is gone.',
    'Held since: 21 November 2026, 01:42 UTC',
  ]) {
    expect(words(email.text)).toContain(text);
  }
});

describe('the e-mail about an acknowledgement', () => {
  const failure: Failure = { code: 'ack_mismatch', message: 'user has 3 rows; 2 were received.' };
  it.each<readonly [Partial<Notice>, subject: string, text: string]>([
    [
      { kind: 'ack_mismatch', failure },
      'Periodic export of Acme Learning was received differently',
      'Difference: user has 3 rows; 2 were received.',
    ],
    [
      { kind: 'ack_missing', failure: null },
      'Periodic export of Acme Learning was not acknowledged',
      'nobody has acknowledged them in the time that was chosen.',
    ],
  ])('%j', (notice, subject, text) => {
    const email = noticeEmail(noticeOf(notice), contextOf());
    expect(email.subject).toBe(subject);
    expect(words(email.text)).toContain(text);
  });
});

describe('every e-mail', () => {
  const anything = fc.string({ unit: 'binary', maxLength: 200 });
  const emails = fc
    .record({
      kind: fc.constantFrom('failed', 'recovered', 'push_failed', 'push_recovered', 'held'),
      tenantTitle: anything,
      message: anything,
      host: fc.stringMatching(/^[a-z]{1,60}(\.[a-z]{1,60}){1,3}$/),
    })
    .map(({ kind, tenantTitle, message, host }) =>
      noticeEmail(
        noticeOf({ kind, failure: { code: 'internal', message } }),
        contextOf({ tenantTitle, publicUrl: `https://${host}` }),
      ),
    );

  it('has short lines and a subject of one line, whatever title and reason contain', () => {
    fc.assert(
      fc.property(emails, ({ subject, text }) => {
        expect(Math.max(...text.split('\n').map((line) => Array.from(line).length))).toBeLessThanOrEqual(COLUMNS);
        expect(subject).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u);
        expect(Array.from(subject).length).toBeLessThanOrEqual(110);
      }),
    );
  });

  it('has the same words in HTML and in plain text', () => {
    for (const kind of ['failed', 'recovered'] as const) {
      const { text, html } = noticeEmail(noticeOf({ kind }), contextOf());
      expect(visible(html)).toBe(words(text));
    }
  });

  it('escapes markup', () => {
    const markup = `"><script>alert('1')</script><img src=x onerror=alert(1)> & &amp;`;
    const failure: Failure = { code: 'internal', message: markup };
    const { html, text } = noticeEmail(noticeOf({ failure }), contextOf({ tenantTitle: markup }));
    expect(html).not.toMatch(/<script|<img/i);
    expect(html.match(/<!doctype|<html|<body/gi)).toHaveLength(3);
    expect(visible(html)).toContain(markup);
    expect(words(text)).toContain(markup);
  });

  it('loads nothing, links to nothing and names no password', () => {
    const context = contextOf({ publicUrl: 'https://user:hush@exports.example.com/api//?token=hush#hush' });
    const { html, text } = noticeEmail(noticeOf(), context);
    expect(html).not.toMatch(/<(a|img|link|script|iframe|form|base)\b|url\(|@import|\bsrc=|\bhref=/i);
    expect(`${html}${text}`).not.toMatch(/hush|user:/);
    expect(text).toContain('GET https://exports.example.com/api/dataexport with your credential');
  });

  it('replaces line breaks and direction marks in titles by spaces', () => {
    const tenantTitle = '  Acme\r\nBcc: eve@example.com\u2028\u202egnp\u202c Ltd\u0000 ';
    const { subject, text } = noticeEmail(noticeOf(), contextOf({ tenantTitle }));
    expect(subject).toBe('Periodic export of Acme Bcc: eve@example.com gnp Ltd could not be refreshed');
    expect(text).not.toMatch(/^Bcc:/m);
  });

  it('shortens a long title in the subject only, and between characters', () => {
    const tenantTitle = '🚚'.repeat(80);
    const { subject, text } = noticeEmail(noticeOf(), contextOf({ tenantTitle }));
    expect(subject).toBe(`Periodic export of ${'🚚'.repeat(59)}… could not be refreshed`);
    expect(words(text).replaceAll(' ', '')).toContain('🚚'.repeat(80));
  });
});

const FAILED = `Periodic export of Acme Learning

The files could not be refreshed
================================

A run has failed, so there are no newer files. Downloads continue to work
with the files of the last successful run.

Failing since: 21 November 2026, 01:42 UTC
Reason:        The warehouse cannot be reached. Try again later.
Downloads:     36 files with 1,234,567 rows, as of 20 November 2026,
               01:31 UTC
Next run:      22 November 2026, 01:47 UTC
Run:           0199f0b4-1c2d-7e3f-8a4b-5c6d7e8f9a0b

What happens next
-----------------

The next run tries again automatically. You will get one more e-mail when a
run succeeds, and none for further failures until then.

What you can do
---------------

You do not have to do anything. If you need newer files soon, or if this
continues, contact the operator of the service and mention the run above.

GET https://exports.example.com/waybill/dataexport with your credential
shows the current status.

-- 
You received this e-mail because you are a contact of Acme Learning. The
operator of the service can change that.
`;

const RECOVERED = `Periodic export of Acme Learning

The files are up to date again
==============================

A run has succeeded after one or more failures. Downloads now use the new
files.

Failed since: 21 November 2026, 01:42 UTC
Downloads:    36 files with 1,234,567 rows, as of 20 November 2026,
              01:31 UTC
Next run:     22 November 2026, 01:47 UTC
Run:          0199f0b4-1c2d-7e3f-8a4b-5c6d7e8f9a0b

What you can do
---------------

You do not have to do anything. Files that you downloaded while runs were
failing are older than these: download them again if that matters.

GET https://exports.example.com/waybill/dataexport with your credential
shows the current status.

-- 
You received this e-mail because you are a contact of Acme Learning. The
operator of the service can change that.
`;
