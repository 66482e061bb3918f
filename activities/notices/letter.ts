import type { FailureCode } from '../../contracts/failures.ts';
import type { Instant } from '../../contracts/instant.ts';
import type { Notice } from '../../stores/ledger/ports.ts';
import type { Letter } from '../../stores/mail/mail.ts';
import { counted, type Fact, type LetterContent, moment, oneLine, shortened } from './content.ts';
import { layOut } from './layout.ts';

/** What a letter says besides its notice. */
export interface NoticeContext {
  readonly tenantTitle: string;
  /** E-mail addresses. */
  readonly contacts: readonly string[];
  /** What downloads get; `null`: nothing yet. */
  readonly generation: {
    readonly snapshotAt: Instant;
    /** A count of files, and of their rows. */
    readonly files: number;
    readonly rows: number;
  } | null;
  /** `null`: none is due. */
  readonly nextRunAt: Date | null;
  /** Where callers reach the API. */
  readonly publicUrl: string;
}

/** Characters of a tenant's title that a subject has room for. */
const TITLE_MAX = 60;

/** What the next run will find again unless somebody who runs the service mends it. */
const OPERATORS_MEND: readonly FailureCode[] = [
  'dataset_broken',
  'warehouse_misconfigured',
  'memory_exhausted',
  'disk_full',
  'objects_full',
];

/** The letter that tells a tenant's contacts that periodic exports fail, or that they work again. */
export function noticeLetter(notice: Notice, context: NoticeContext): Letter {
  const content = notice.kind === 'failed' ? tellFailure(notice, context) : tellRecovery(notice, context);
  return { ...layOut(content), to: context.contacts, reference: `notice|${notice.noticeId}` };
}

function tellFailure(notice: Notice, context: NoticeContext): LetterContent {
  const { generation, nextRunAt } = context;
  const title = oneLine(context.tenantTitle);
  const operatorsMend = notice.failure !== null && OPERATORS_MEND.includes(notice.failure.code);
  return {
    subject: `Periodic export of ${shortened(title, TITLE_MAX)} could not be refreshed`,
    mood: 'trouble',
    about: `Periodic export of ${title}`,
    heading: 'The files could not be refreshed',
    opening: generation
      ? 'A run has failed, so there are no newer files. Downloads go on as before, with the files of the last run that succeeded.'
      : 'A run has failed. No run has succeeded so far, so there is nothing to download yet.',
    facts: [
      { label: 'Failing since', value: moment(notice.failingSince) },
      { label: 'Why', value: oneLine(notice.failure?.message ?? 'The run ended without saying why.') },
      ...commonFacts(notice, context),
    ],
    sections: [
      {
        heading: 'What happens next',
        paragraphs: [
          nextRunAt
            ? 'The next run tries again by itself. You get one more letter when it works again, and none for failures in between.'
            : 'No run is due at the moment. You get one more letter when it works again, and none for failures in between.',
        ],
      },
      {
        heading: 'What you can do',
        paragraphs: [
          operatorsMend
            ? 'This will hardly mend itself: tell the operator of the service, and name the run above.'
            : 'Nothing is needed from you. If you need newer files soon, or if this goes on, tell the operator of the service, and name the run above.',
          statusHint(context),
        ],
      },
    ],
    closing: closingOf(title),
  };
}

function tellRecovery(notice: Notice, context: NoticeContext): LetterContent {
  const title = oneLine(context.tenantTitle);
  return {
    subject: `Periodic export of ${shortened(title, TITLE_MAX)} works again`,
    mood: 'relief',
    about: `Periodic export of ${title}`,
    heading: 'The files are fresh again',
    opening: 'A run has succeeded after one or more that failed. Downloads are of the new files from now on.',
    facts: [{ label: 'Failed since', value: moment(notice.failingSince) }, ...commonFacts(notice, context)],
    sections: [
      {
        heading: 'What you can do',
        paragraphs: [
          'Nothing is needed from you. What you downloaded while the runs failed is older than these files: download again where that matters.',
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
    { label: 'Next run', value: nextRunAt ? moment(nextRunAt) : 'none is due' },
    { label: 'Run', value: notice.runId, exact: true },
  ];
}

function statusHint({ publicUrl }: NoticeContext): string {
  const { origin, pathname } = new URL(publicUrl);
  return `GET ${origin}${pathname.replace(/\/+$/, '')}/dataexport with your credential tells the status at any time.`;
}

function closingOf(title: string): string {
  return `You get this letter because you are a contact of ${title}. The operator of the service can change that.`;
}
