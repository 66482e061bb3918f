import type { FailureCode } from '../../contracts/failures.ts';
import type { Instant } from '../../contracts/instant.ts';
import type { StandingKind } from '../../contracts/standing.ts';
import type { Notice } from '../../stores/ledger/ports.ts';
import type { Email } from '../../stores/mail/mail.ts';
import { heldContent } from './held-content.ts';
import { type EmailContent, type Fact, layOut } from './layout.ts';
import { type PushWords, pushFailedContent, pushRecoveredContent } from './push-content.ts';
import { counted, oneLine, shortened } from './words.ts';

/** Content of an e-mail besides its notice. */
export interface NoticeContext {
  readonly kind: Pick<StandingKind, 'name' | 'statusPath'>;
  readonly tenantTitle: string;
  /** E-mail addresses. */
  readonly contacts: readonly string[];
  /** The run that downloads use; `null`: none yet. */
  readonly generation: {
    readonly snapshotAt: Instant;
    readonly files: number;
    readonly rows: number;
  } | null;
  /** Whether the run that failed did so in some of its files only, and delivered the others. */
  readonly isPartial: boolean;
  /** `null`: none is due. */
  readonly nextRunAt: Date | null;
  /** Base URL of the API. */
  readonly publicUrl: string;
}

/** Maximum number of characters of a tenant's title in a subject. */
const TITLE_MAX = 60;

/** Failures that persist until the operator acts. */
const OPERATOR_FAILURES: readonly FailureCode[] = [
  'dataset_broken',
  'schema_changed',
  'warehouse_misconfigured',
  'memory_exhausted',
  'disk_full',
  'objects_full',
];

/** @returns the e-mail that informs a tenant's contacts that runs or deliveries fail, have recovered, or wait for the operator */
export function noticeEmail(notice: Notice, context: NoticeContext): Email {
  const content = contentOf(notice, context);
  return { ...layOut(content), to: context.contacts, reference: `notice|${notice.noticeId}` };
}

function contentOf(notice: Notice, context: NoticeContext): EmailContent {
  switch (notice.kind) {
    case 'failed':
      return failureContent(notice, context);
    case 'recovered':
      return recoveryContent(notice, context);
    case 'ack_mismatch':
    case 'ack_missing':
      return acknowledgementContent(notice, context);
    case 'push_failed':
      return pushFailedContent(pushWords(notice, context));
    case 'push_recovered':
      return pushRecoveredContent(pushWords(notice, context));
    case 'held': {
      const title = oneLine(context.tenantTitle);
      const shortTitle = shortened(title, TITLE_MAX);
      const words = { title, shortTitle, name: context.kind.name, heldSince: moment(notice.failingSince) };
      return heldContent({
        ...words,
        ...{ reason: reasonOf(notice), run: runFact(notice), hint: statusHint(context), closing: closingOf(title) },
      });
    }
  }
}

function pushWords(notice: Notice, context: NoticeContext): PushWords {
  const title = oneLine(context.tenantTitle);
  return {
    title,
    shortTitle: shortened(title, TITLE_MAX),
    failingSince: moment(notice.failingSince),
    reason: reasonOf(notice),
    run: runFact(notice),
    hint: `GET ${addressOf(context, '/export/destination')} with your credential shows the destination and its last delivery.`,
    closing: closingOf(title),
  };
}

function acknowledgementContent(notice: Notice, context: NoticeContext): EmailContent {
  const title = oneLine(context.tenantTitle);
  const missing = notice.kind === 'ack_missing';
  return {
    subject: `${context.kind.name} of ${shortened(title, TITLE_MAX)} ${missing ? 'was not acknowledged' : 'was received differently'}`,
    kind: 'failed',
    about: `${context.kind.name} of ${title}`,
    heading: missing ? 'A delivery was not acknowledged' : 'What was received is not what was delivered',
    opening: missing
      ? 'A run has delivered its files, and nobody has acknowledged them in the time that was chosen.'
      : 'The files that were acknowledged differ from those that a run has delivered.',
    facts: [
      { label: missing ? 'Delivered' : 'Acknowledged', value: moment(notice.failingSince) },
      ...(notice.failure ? [{ label: 'Difference', value: oneLine(notice.failure.message) }] : []),
      runFact(notice),
    ],
    sections: [
      {
        heading: 'What you can do',
        paragraphs: [
          missing
            ? 'Check that your side fetches the files, then acknowledge them. A later run of the same day replaces this one.'
            : 'Fetch the files of the day again, and acknowledge them once more.',
          statusHint(context),
        ],
      },
    ],
    closing: closingOf(title),
  };
}

function failureContent(notice: Notice, context: NoticeContext): EmailContent {
  const { nextRunAt } = context;
  const title = oneLine(context.tenantTitle);
  const needsOperator = notice.failure !== null && OPERATOR_FAILURES.includes(notice.failure.code);
  return {
    subject: `${context.kind.name} of ${shortened(title, TITLE_MAX)} could not be refreshed`,
    kind: 'failed',
    about: `${context.kind.name} of ${title}`,
    heading: context.isPartial ? 'Some files could not be refreshed' : 'The files could not be refreshed',
    opening: failureOpening(context),
    facts: [
      { label: 'Failing since', value: moment(notice.failingSince) },
      { label: 'Reason', value: reasonOf(notice) },
      ...commonFacts(notice, context),
    ],
    sections: [
      {
        heading: 'What happens next',
        paragraphs: [
          nextRunAt
            ? 'The next run tries again automatically. You will get one more e-mail when a run succeeds, and none for further failures until then.'
            : 'No run is scheduled. You will get one more e-mail when a run succeeds, and none for further failures until then.',
        ],
      },
      {
        heading: 'What you can do',
        paragraphs: [
          needsOperator
            ? 'This is unlikely to resolve on its own. Contact the operator of the service and mention the run above.'
            : 'You do not have to do anything. If you need newer files soon, or if this continues, contact the operator of the service and mention the run above.',
          statusHint(context),
        ],
      },
    ],
    closing: closingOf(title),
  };
}

function failureOpening({ generation, isPartial }: NoticeContext): string {
  if (isPartial) {
    return 'A run has delivered its other files. What is missing continues where it stopped, so nothing is lost once it works again.';
  }
  return generation
    ? 'A run has failed, so there are no newer files. Downloads continue to work with the files of the last successful run.'
    : 'A run has failed. No run has succeeded so far, so there is nothing to download yet.';
}

function recoveryContent(notice: Notice, context: NoticeContext): EmailContent {
  const title = oneLine(context.tenantTitle);
  return {
    subject: `${context.kind.name} of ${shortened(title, TITLE_MAX)} works again`,
    kind: 'recovered',
    about: `${context.kind.name} of ${title}`,
    heading: 'The files are up to date again',
    opening: 'A run has succeeded after one or more failures. Downloads now use the new files.',
    facts: [{ label: 'Failed since', value: moment(notice.failingSince) }, ...commonFacts(notice, context)],
    sections: [
      {
        heading: 'What you can do',
        paragraphs: [
          'You do not have to do anything. Files that you downloaded while runs were failing are older than these: download them again if that matters.',
          statusHint(context),
        ],
      },
    ],
    closing: closingOf(title),
  };
}

function commonFacts(notice: Notice, { generation, nextRunAt }: NoticeContext): readonly Fact[] {
  return [
    {
      label: 'Downloads',
      value: generation
        ? `${counted(generation.files, 'file')} with ${counted(generation.rows, 'row')}, as of ${moment(new Date(generation.snapshotAt))}`
        : 'nothing yet',
    },
    { label: 'Next run', value: nextRunAt ? moment(nextRunAt) : 'none is scheduled' },
    runFact(notice),
  ];
}

function reasonOf({ failure }: Notice): string {
  return oneLine(failure?.message ?? 'The run ended without a reason.');
}

function runFact({ runId }: Notice): Fact {
  return { label: 'Run', value: runId, exact: true };
}

function statusHint(context: NoticeContext): string {
  return `GET ${addressOf(context, context.kind.statusPath)} with your credential shows the current status.`;
}

function addressOf({ publicUrl }: NoticeContext, path: string): string {
  const { origin, pathname } = new URL(publicUrl);
  return `${origin}${pathname.replace(/\/+$/, '')}${path}`;
}

function closingOf(title: string): string {
  return `You received this e-mail because you are a contact of ${title}. The operator of the service can change that.`;
}

const DAY = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' });
const TIME = new Intl.DateTimeFormat('en-GB', { timeStyle: 'short', timeZone: 'UTC' });

const NO_BREAK = '\u00a0';

/** Such as `21 November 2026, 01:42 UTC`. */
function moment(at: Date): string {
  return `${DAY.format(at)}, ${TIME.format(at)}${NO_BREAK}UTC`;
}
