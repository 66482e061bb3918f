import { html } from 'hono/html';
import { offeredFiles } from '../../periodic/input.ts';
import { button, linkButton, postForm } from '../components/field.ts';
import { errorSummary, type FieldProblem, type Notice, notice } from '../components/notice.ts';
import { facts, liveMark, pageHead, panel, panelBody } from '../components/panel.ts';
import { state } from '../components/state.ts';
import type { Times } from '../components/times.ts';
import { mayWrite, type PortalContext } from '../environment.ts';
import type { Fragment } from '../live/stream.ts';
import type { Content, Markup } from '../shell/markup.ts';
import type { Page } from '../shell/page.ts';
import type { PortalDeps } from '../tab.ts';
import { type KeyForm, keyFields, timeFields } from './key-form.ts';
import type { KnownPeriodic } from './known.ts';
import { downloadPanel, generationPanel, PERIODIC_ADDRESS, PERIODIC_PATH, runsPanel, statusPanel } from './panels.ts';

export interface PeriodicPage {
  readonly known: KnownPeriodic;
  readonly form: KeyForm;
  readonly problems?: readonly FieldProblem[];
  readonly notice?: Notice;
  /** What the page shows only this time. It is not kept up to date then. */
  readonly secret?: Markup;
}

/** The page of periodic exports. */
export function periodicPage(c: PortalContext, deps: Pick<PortalDeps, 'catalog'>, shown: PeriodicPage): Page {
  const { problems = [], notice: told, secret } = shown;
  const isLive = !secret && problems.length === 0 && !told;
  const [head, body] = periodicParts(c, deps, shown);
  return {
    title: `${problems.length > 0 ? 'Error: ' : ''}Periodic`,
    tab: PERIODIC_PATH,
    status: problems.length > 0 ? 422 : 200,
    ...(isLive && { live: `${PERIODIC_ADDRESS}/events` }),
    content: html`${problems.length > 0 ? errorSummary('Nothing was enabled', problems) : ''}${told ? notice(told) : ''}
${head.markup}
${secret ?? ''}
${body.markup}`,
  };
}

/** What changes while somebody looks at the page. */
export function periodicParts(
  c: PortalContext,
  { catalog }: Pick<PortalDeps, 'catalog'>,
  { known, form, problems = [], secret }: Omit<PeriodicPage, 'notice'>,
): readonly [Fragment, Fragment] {
  const times = c.get('times');
  const isKept = known.standingOrder?.recipient !== undefined && known.standingOrder.recipient !== null;
  const head = pageHead({
    id: 'periodic-head',
    title: 'Periodic',
    text: 'All your files, every night, sealed to a key that only you have.',
    beside: [stateOf(known), secret ? '' : liveMark(PERIODIC_ADDRESS)],
    ...(mayWrite(c) && known.standingOrder?.enabled && { actions: actions(c, known) }),
  });
  const content = isKept
    ? overview(c, known, form, problems)
    : html`<div class="split split--even">${mayWrite(c) ? enablePanel(c, form, problems, isKept) : ''}${aboutPanel(offeredFiles(catalog).length)}</div>`;
  return [
    { id: 'periodic-head', markup: head },
    {
      id: 'periodic-body',
      markup: html`<div class="stack" id="periodic-body">${mayWrite(c) ? '' : readOnly()}${failing(known, times)}${content}</div>`,
    },
  ];
}

function stateOf({ standingOrder }: KnownPeriodic): Markup {
  if (standingOrder?.enabled) return state('available', 'Enabled');
  return state('expired', standingOrder?.recipient ? 'Disabled' : 'Not enabled');
}

function actions(c: PortalContext, { running }: KnownPeriodic): Content {
  const run = postForm(`${PERIODIC_ADDRESS}/run`, c.get('csrf'), button({ label: 'Run now', busy: 'Starting…' }));
  return [
    running ? '' : run,
    linkButton(`${PERIODIC_ADDRESS}/rotate`, { label: 'New key' }),
    linkButton(`${PERIODIC_ADDRESS}/disable`, { label: 'Disable', look: 'quiet' }),
  ];
}

function readOnly(): Markup {
  return notice({
    title: 'You may look and download',
    text: 'Enabling, new keys and disabling take a credential that may write.',
  });
}

function failing({ standingOrder, ended, generation }: KnownPeriodic, times: Times): Content {
  if (!standingOrder?.enabled || standingOrder.failingSince === null) return '';
  return notice({
    kind: 'bad',
    title: 'The runs fail',
    text: [
      'Since ',
      times.moment(standingOrder.failingSince),
      `. ${ended?.failure?.message ?? ''} `,
      generation === undefined ? 'There are no files yet.' : 'The newest generation below stays.',
    ],
  });
}

function overview(c: PortalContext, known: KnownPeriodic, form: KeyForm, problems: readonly FieldProblem[]): Markup {
  const times = c.get('times');
  const { generation, standingOrder } = known;
  const hasFiles = generation !== undefined && generation !== 'unreadable';
  const { contacts } = c.get('caller').tenant;
  const resume = !standingOrder?.enabled && mayWrite(c) ? enablePanel(c, form, problems, true) : '';
  return html`<div class="split split--wide"><div class="stack">${generationPanel(known, times)}</div><div class="stack">${resume}${hasFiles ? downloadPanel(generation) : ''}${statusPanel(known, times, contacts)}${runsPanel(known, times)}</div></div>`;
}

/** @param isKept whether a recipient is kept, and comes into force again */
function enablePanel(c: PortalContext, form: KeyForm, problems: readonly FieldProblem[], isKept: boolean): Markup {
  const kept = html`<p class="note">The files are sealed to the same key as before.</p>`;
  return panel({
    id: 'enable',
    title: isKept ? 'Enable again' : 'Enable periodic exports',
    content: postForm(
      PERIODIC_ADDRESS,
      c.get('csrf'),
      html`${timeFields(form, problems)}
${isKept ? kept : keyFields(form, problems)}
<div class="field">${button({ label: 'Enable periodic exports', look: 'primary', classes: 'btn--wide', busy: 'Enabling…' })}<p class="hint">The first run begins at once.${isKept ? '' : ' The private key is shown on the next page, and never again.'}</p></div>`,
      { classes: 'panel__body' },
    ),
    ...(isKept && {
      foot: html`<a href="${PERIODIC_ADDRESS}/delete">Delete all files and the recipient</a>`,
    }),
  });
}

function aboutPanel(files: number): Markup {
  return panel({
    id: 'about',
    title: 'What you get',
    content: panelBody(
      html`${facts([
        ['Files', `all ${files}, as CSV and as JSON`],
        ['Every night', 'the whole content, read at one moment'],
        ['Sealed', 'to a key that only you have: nobody here can open the files'],
        [
          'Replaced',
          'a new generation takes the place of the one before in one step; if a run fails, the old one stays',
        ],
        ['Told', 'your contacts get an e-mail when runs begin to fail, and when they succeed again'],
      ])}
<p class="note">Nobody can recover a lost key. You make a new one then, and the next run seals new files to it.</p>`,
    ),
  });
}
