import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { type FailureCode, WaybillError } from '../../contracts/failures.ts';
import type { Instant } from '../../contracts/instant.ts';
import { PERIODIC } from '../../contracts/periodic.ts';
import type { Notice, Run, StandingOrder, Tenant } from '../../stores/ledger/ports.ts';
import type { Email } from '../../stores/mail/mail.ts';
import { createSendNotices } from './send-notices.ts';

const NOTICE: Notice = {
  noticeId: 'n1',
  tenant: 'acme',
  kind: 'failed',
  runId: 'g2',
  failingSince: new Date('2026-11-21T01:42:07Z'),
  failure: { code: 'source_changed', message: 'The source changed.' },
};

const TENANT: Tenant = {
  key: 'acme',
  title: 'Acme',
  createdAt: new Date(0),
  disabledAt: null,
  warehouseKey: null,
  exportsMax: null,
  requestsMax: null,
  contacts: ['ann@example.com', 'bob@example.com'],
  requestKeepDays: null,
};

const SETTINGS: StandingOrder = {
  standingOrderId: 's1',
  tenant: 'acme',
  kind: 'periodic',
  enabled: true,
  recipient: 'age1example',
  ownRecipient: false,
  epoch: 1,
  version: 1,
  recurrence: null,
  currentRunId: 'g1',
  failingSince: NOTICE.failingSince,
  syncedVersion: null,
  changedAt: new Date(0),
};

const CURRENT: Run = {
  runId: 'g1',
  number: 1,
  tenant: 'acme',
  kind: 'periodic',
  series: 'periodic|acme',
  subject: 'periodic',
  workflowId: 'w1',
  standingOrderId: 's1',
  epoch: 1,
  order: null,
  state: 'completed',
  requestedAt: new Date(0),
  ...{ requestedBy: null, startsAt: null, deletedAt: null, downloadedAt: null, mailedAt: null },
  startedAt: new Date(0),
  endedAt: new Date(0),
  snapshotAt: '2026-11-20T01:31:05.123456Z' as Instant,
  files: 36,
  parts: 72,
  rows: 5,
  bytes: 6,
  contentBytes: 4,
  manifestSha256: '00',
  previousRunId: null,
  current: true,
  expiresAt: null,
  removeAfter: null,
  removedAt: null,
  removal: null,
  failure: null,
  ...{ attempted: null, recheckedAt: null, linksRevokedAt: null, acknowledgement: null },
};

/** A ledger that owes notices about run g2, while downloads are of run g1; a mailbox; and a log. */
function setUp(
  options: { contacts?: readonly string[]; mail?: 'none' | FailureCode; notices?: readonly Notice[] } = {},
) {
  const { contacts = TENANT.contacts, mail, notices = [NOTICE] } = options;
  const emails: Email[] = [];
  const recorded: (readonly [noticeId: string, recipients: number])[] = [];
  const logged: { readonly level: number; readonly msg: string }[] = [];
  const sendNotices = createSendNotices({
    ledger: {
      notices: {
        due: async (tenant) =>
          notices.filter((notice) => notice.tenant === tenant && !recorded.some(([id]) => id === notice.noticeId)),
        recordSent: async (noticeId, recipients) => {
          recorded.push([noticeId, recipients]);
        },
      },
      tenants: { find: async (key) => (key === 'acme' ? { ...TENANT, contacts: [...contacts] } : undefined) },
      standingOrders: { find: async () => SETTINGS },
      runs: { find: async (runId) => (runId === 'g1' ? CURRENT : undefined) },
    },
    temporal: { nextRun: async () => ({ nextRunAt: new Date('2026-11-22T01:47:00Z') }) },
    mail:
      mail === 'none'
        ? null
        : {
            send: async (email) => {
              if (mail) throw new WaybillError(mail);
              emails.push(email);
            },
          },
    publicUrl: 'https://exports.example.com',
    logger: pino({ level: 'warn' }, { write: (line) => logged.push(JSON.parse(line)) }),
  });
  const send = (tenant = 'acme'): Promise<number> => sendNotices(tenant, PERIODIC);
  return {
    send,
    sendNotices,
    emails,
    recorded,
    warnings: () => logged.filter(({ level }) => level === 40).map(({ msg }) => msg),
  };
}

describe('the notices of a run', () => {
  it('go to the contacts once, with what downloads still get', async () => {
    const { send, emails, recorded, warnings } = setUp();
    expect(await send()).toBe(1);
    expect(await send()).toBe(0);
    expect(emails).toHaveLength(1);
    expect(emails[0]).toMatchObject({ to: ['ann@example.com', 'bob@example.com'], reference: 'notice|n1' });
    expect(emails[0]?.subject).toBe('Periodic export of Acme could not be refreshed');
    expect(emails[0]?.text).toContain('36 files with 5 rows, as of 20 November 2026');
    expect(emails[0]?.text).toContain('22 November 2026, 01:47 UTC');
    expect(recorded).toEqual([['n1', 2]]);
    expect(warnings()).toEqual([]);
  });

  it('do not include those of another kind of export, which stay owed', async () => {
    const { emails, recorded, sendNotices } = setUp({ notices: [{ ...NOTICE, runId: 'g1' }] });
    expect(await sendNotices('acme', { ...PERIODIC, kind: 'editions' })).toBe(0);
    expect({ emails, recorded }).toEqual({ emails: [], recorded: [] });
  });

  it('are none of another tenant', async () => {
    const { send, emails, recorded } = setUp();
    expect(await send('other')).toBe(0);
    expect({ emails, recorded }).toEqual({ emails: [], recorded: [] });
  });

  it('tell only the end of trouble that ended before anybody could be told', async () => {
    const recovered: Notice = { ...NOTICE, noticeId: 'n2', kind: 'recovered', runId: 'g3', failure: null };
    const { send, emails, recorded } = setUp({ notices: [NOTICE, recovered] });
    expect(await send()).toBe(1);
    expect(emails.map(({ subject }) => subject)).toEqual(['Periodic export of Acme works again']);
    expect(recorded).toEqual([
      ['n1', 0],
      ['n2', 2],
    ]);
  });

  it('tell of what is held unless the failure of the same run does', async () => {
    const held: Notice = { ...NOTICE, noticeId: 'n0', kind: 'held' };
    const other: Notice = { ...held, noticeId: 'n2', runId: 'g3' };
    const { send, emails, recorded } = setUp({ notices: [held, NOTICE, other] });
    expect(await send()).toBe(2);
    expect(emails.map(({ subject }) => subject)).toEqual([
      'Periodic export of Acme could not be refreshed',
      'Periodic export of Acme does without some files for now',
    ]);
    expect(recorded).toEqual([
      ['n0', 0],
      ['n1', 2],
      ['n2', 2],
    ]);
  });

  it('tell of deliveries and of runs independently of each other', async () => {
    const push: Notice = { ...NOTICE, noticeId: 'n2', kind: 'push_failed' };
    const again: Notice = { ...NOTICE, noticeId: 'n3', kind: 'push_recovered', runId: 'g3', failure: null };
    const { send, emails, recorded } = setUp({ notices: [NOTICE, push, again] });
    expect(await send()).toBe(2);
    expect(emails.map(({ subject }) => subject)).toEqual([
      'Periodic export of Acme could not be refreshed',
      'Files for Acme are delivered again',
    ]);
    expect(recorded).toEqual([
      ['n1', 2],
      ['n2', 0],
      ['n3', 2],
    ]);
  });

  it('tell of acknowledgements whatever came after', async () => {
    const differs: Notice = { ...NOTICE, noticeId: 'n0', kind: 'ack_mismatch' };
    const { send, emails, recorded } = setUp({ notices: [differs, NOTICE] });
    expect(await send()).toBe(2);
    expect(emails.map(({ reference }) => reference)).toEqual(['notice|n0', 'notice|n1']);
    expect(recorded.map(([id]) => id)).toEqual(['n0', 'n1']);
  });

  it.each([
    ['the tenant has no contacts', { contacts: [] }],
    ['mail is not set up', { mail: 'none' }],
  ] as const)('are settled with a warning when %s', async (why, options) => {
    const { send, emails, recorded, warnings } = setUp(options);
    expect(await send()).toBe(0);
    expect(emails).toEqual([]);
    expect(recorded).toEqual([['n1', 0]]);
    expect(warnings()).toEqual([expect.stringContaining(why)]);
  });

  it('are settled for a tenant that is not known', async () => {
    const { send, recorded } = setUp({ notices: [{ ...NOTICE, tenant: 'gone' }] });
    expect(await send('gone')).toBe(0);
    expect(recorded).toEqual([['n1', 0]]);
  });

  it('are settled with a warning when the server refuses the email for good', async () => {
    const { send, recorded, warnings } = setUp({ mail: 'mail_refused' });
    expect(await send()).toBe(0);
    expect(recorded).toEqual([['n1', 0]]);
    expect(warnings()).toEqual([expect.stringContaining('check their addresses')]);
  });

  it('stay owed while the mail server is away', async () => {
    const { send, recorded } = setUp({ mail: 'mail_unavailable' });
    await expect(send()).rejects.toMatchObject({ code: 'mail_unavailable' });
    expect(recorded).toEqual([]);
  });
});
