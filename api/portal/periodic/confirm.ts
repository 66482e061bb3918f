import { html } from 'hono/html';
import { confirmation } from '../components/confirm.ts';
import { counted, size } from '../components/figures.ts';
import { errorSummary, type FieldProblem } from '../components/notice.ts';
import { breadcrumb } from '../components/panel.ts';
import type { PortalContext } from '../environment.ts';
import type { Content } from '../shell/markup.ts';
import type { Page } from '../shell/page.ts';
import { type KeyForm, keyFields } from './key-form.ts';
import type { KnownPeriodic } from './known.ts';
import { PERIODIC_ADDRESS, PERIODIC_PATH } from './panels.ts';

/** Asks before the key is replaced. */
export function rotatePage(
  c: PortalContext,
  known: KnownPeriodic,
  form: KeyForm,
  problems: readonly FieldProblem[] = [],
): Page {
  return page(
    problems.length > 0 ? 'Error: New key' : 'New key',
    [
      problems.length > 0 ? html`<div class="narrow">${errorSummary('The key was not replaced', problems)}</div>` : '',
      confirmation({
        crumbs: crumbs('New key'),
        question: 'Make a new key?',
        lost: [
          ['Files', [filesText(c, known), ': deleted at once']],
          ['Key in use', 'opens nothing that is made from now on'],
          ['New files', 'a run begins at once; until it is done, there is nothing to download'],
        ],
        consequence: 'Copies that you have downloaded still open with the old key. Keep it as long as you keep them.',
        fields: [
          html`<input type="hidden" name="epoch" value="${known.standingOrder?.epoch ?? 0}">`,
          keyFields(form, problems),
        ],
        action: `${PERIODIC_ADDRESS}/rotate`,
        csrf: c.get('csrf'),
        verb: 'Make new key',
        busy: 'Making the key…',
        keep: PERIODIC_ADDRESS,
        keepLabel: 'Keep the key',
      }),
    ],
    problems.length > 0,
  );
}

/** Asks before the nightly runs stop. */
export function disablePage(c: PortalContext, known: KnownPeriodic): Page {
  return page(
    'Disable periodic exports?',
    confirmation({
      crumbs: crumbs('Disable'),
      question: 'Disable periodic exports?',
      lost: [
        ['Runs', known.running ? 'the one that is under way is cancelled, and no other begins' : 'no other one begins'],
        ['Files', [filesText(c, known), ': kept, and can be downloaded']],
        ['Key', 'kept: enabling again seals to it'],
      ],
      consequence: 'You can enable them again at any time, or delete the files then.',
      action: `${PERIODIC_ADDRESS}/disable`,
      csrf: c.get('csrf'),
      verb: 'Disable periodic exports',
      busy: 'Disabling…',
      keep: PERIODIC_ADDRESS,
      keepLabel: 'Keep them enabled',
    }),
  );
}

/** Asks before all files and the recipient are deleted. */
export function deletePage(c: PortalContext, known: KnownPeriodic): Page {
  return page(
    'Delete all files?',
    confirmation({
      crumbs: crumbs('Delete'),
      question: 'Delete all files and the recipient?',
      lost: [
        ['Files', [filesText(c, known), ': deleted at once']],
        ['Recipient', html`<code>${known.standingOrder?.recipient ?? ''}</code>`],
      ],
      consequence: 'The files cannot be brought back. Enabling periodic exports later takes a new key.',
      action: `${PERIODIC_ADDRESS}/delete`,
      csrf: c.get('csrf'),
      verb: 'Delete files and recipient',
      busy: 'Deleting…',
      keep: PERIODIC_ADDRESS,
      keepLabel: 'Keep them',
    }),
  );
}

function page(title: string, content: Content, isError = false): Page {
  return { title, tab: PERIODIC_PATH, content, status: isError ? 422 : 200 };
}

function crumbs(current: string) {
  return breadcrumb([[PERIODIC_ADDRESS, 'Periodic']], current);
}

function filesText(c: PortalContext, { generation }: KnownPeriodic): Content {
  if (generation === undefined) return 'none yet';
  if (generation === 'unreadable') return 'all';
  return [
    counted(generation.files.length, 'file'),
    ' of ',
    c.get('times').moment(new Date(generation.snapshotAt)),
    ', ',
    size(generation.bytes),
  ];
}
