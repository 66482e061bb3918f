import { html } from 'hono/html';
import { dayOf } from '../../../contracts/keys.ts';
import type { Delivery, Destination, SftpKey } from '../../../stores/ledger/ports.ts';
import { offeredEntities } from '../../recurring/entities.ts';
import { button, linkButton, postForm } from '../components/field.ts';
import { errorSummary, type FieldProblem, type Notice, notice } from '../components/notice.ts';
import { facts, pageHead, panel, panelBody } from '../components/panel.ts';
import { type StateKind, state } from '../components/state.ts';
import { mayWrite, type PortalContext } from '../environment.ts';
import type { Fragment } from '../live/stream.ts';
import type { Content, Markup } from '../shell/markup.ts';
import type { Page } from '../shell/page.ts';
import type { PortalDeps } from '../tab.ts';
import { calendarPanel, RECURRING_ADDRESS, RECURRING_PATH } from './calendar-panel.ts';
import { connectPanel, type Gateway, keysPanel } from './connect.ts';
import type { KnownRecurring } from './known.ts';
import { deliveriesPanel, entityName } from './list.ts';
import { type RegistrationForm, registrationPanel } from './registration-form.ts';

/** Where files are put, besides the gateway. */
export interface Push {
  readonly destination: Destination;
  readonly last: Delivery | undefined;
}

export interface RecurringPage {
  readonly known: KnownRecurring;
  readonly form: RegistrationForm;
  readonly gateway: Gateway;
  readonly keys: readonly SftpKey[];
  /** `undefined`: there is none. */
  readonly push: Push | undefined;
  /** What is wrong with the registration, or with a key that was to be added. */
  readonly problems?: readonly FieldProblem[];
  /** The key that was to be added. */
  readonly publicKey?: string;
  readonly notice?: Notice;
}

/** The page of recurring exports. */
export function recurringPage(c: PortalContext, deps: Pick<PortalDeps, 'catalog'>, shown: RecurringPage): Page {
  const { known, form, gateway, keys, push, problems = [], publicKey = '', notice: told } = shown;
  const { catalog } = deps;
  const isKey = problems.some(({ id }) => id === 'publicKey');
  const isLive = problems.length === 0 && !told && isNewest(c);
  const [head, deliveries] = recurringParts(c, deps, known);
  const registration = mayWrite(c)
    ? registrationPanel(known, form, { catalog, csrf: c.get('csrf'), problems })
    : registeredPanel(known, catalog);
  const isRegistered = known.order !== undefined;
  const connect = html`${connectPanel(gateway, c.get('caller').tenant.key)}${keysPanel(c, keys, { problems, value: publicKey })}${push ? pushPanel(c, push) : ''}`;
  return {
    title: `${problems.length > 0 ? 'Error: ' : ''}Recurring`,
    tab: RECURRING_PATH,
    status: problems.length > 0 ? 422 : 200,
    ...(isLive && { live: `${RECURRING_ADDRESS}/events` }),
    content: html`${problems.length > 0 ? errorSummary(isKey ? 'The key was not added' : 'The registration was not saved', problems) : ''}${told ? notice(told) : ''}
${head.markup}
${isRegistered ? deliveries.markup : ''}
<div class="split split--even">${registration}<div class="stack">${isRegistered ? '' : aboutPanel(offeredEntities(catalog).length)}${connect}</div></div>`,
  };
}

/** Whether the page shows the latest months and deliveries. */
function isNewest(c: PortalContext): boolean {
  return c.req.query('cursor') === undefined && c.req.query('until') === undefined;
}

/** What changes while somebody looks at the page. */
export function recurringParts(
  c: PortalContext,
  { catalog }: Pick<PortalDeps, 'catalog'>,
  known: KnownRecurring,
): readonly [Fragment, Fragment] {
  const newest = isNewest(c);
  const head = pageHead({
    id: 'recurring-head',
    title: 'Recurring',
    text: 'What changed, every day, over SFTP: a full load first, then windows without a gap or an overlap.',
    beside: stateOf(known),
    ...(mayWrite(c) && known.order?.enabled && { actions: actions(c, known) }),
  });
  return [
    { id: 'recurring-head', markup: head },
    {
      id: 'recurring-deliveries',
      markup: html`<div class="stack" id="recurring-deliveries">${mayWrite(c) ? '' : readOnly()}${troubles(known, catalog)}${calendarPanel(known, c.get('times'), newest)}${deliveriesPanel(c, known, newest)}</div>`,
    },
  ];
}

function stateOf({ order, nextRunAt }: KnownRecurring): Content {
  if (!order) return state('expired', 'Not registered');
  if (!order.enabled) return state('expired', 'Disabled');
  return [state('available', 'Active'), nextRunAt ? '' : html`<span class="small quiet">next run not known</span>`];
}

function actions(c: PortalContext, { running }: KnownRecurring): Content {
  const run = postForm(`${RECURRING_ADDRESS}/run`, c.get('csrf'), button({ label: 'Run now', busy: 'Starting…' }));
  return [running ? '' : run, linkButton(`${RECURRING_ADDRESS}/full-load`, { label: 'Queue a full load' })];
}

function readOnly(): Markup {
  return notice({
    title: 'You may look and download',
    text: 'Registering, runs and keys take a credential that may write.',
  });
}

/** Entities that are held or fail, and what is missing. */
function troubles({ files, coverage }: KnownRecurring, catalog: PortalDeps['catalog']): Content {
  const active = files.filter((file) => file.active);
  const held = active.filter((file) => file.held);
  const failing = active.filter((file) => file.failure && !file.held);
  const queued = active.filter(({ fullLoadAt, watermark }) => fullLoadAt !== null && watermark !== null);
  const missing = [...new Set(coverage.gaps.filter(({ closedBy }) => closedBy === null).map(({ dataset }) => dataset))];
  return [
    queued.length > 0
      ? notice({
          title: 'A full load is queued',
          text: `The next run delivers every row of ${queued.map(({ dataset }) => entityName(catalog, dataset)).join(', ')}.`,
        })
      : '',
    missing.length > 0
      ? notice({
          kind: 'bad',
          title: 'Rows are missing between two deliveries',
          text: `${missing.map((dataset) => entityName(catalog, dataset)).join(', ')}: a full load has all rows again.`,
          actions: linkButton(
            `${RECURRING_ADDRESS}/full-load?${new URLSearchParams({ entity: missing.map((dataset) => entityName(catalog, dataset)).join(',') })}`,
            { label: 'Queue a full load', isSmall: true },
          ),
        })
      : '',
    ...held.map(({ dataset, held: why }) =>
      notice({
        kind: 'warn',
        title: `${entityName(catalog, dataset)} is held`,
        text: `${why?.message ?? ''} Nothing is lost: once the operator has accepted the change, the next delivery has all of it.`,
      }),
    ),
    ...failing.map(({ dataset, failure }) =>
      notice({
        kind: 'warn',
        title: `${entityName(catalog, dataset)} was not delivered`,
        text: `${failure?.message ?? ''} The next delivery begins where the last one of it ended.`,
      }),
    ),
  ];
}

function registeredPanel({ files, scheduled }: KnownRecurring, catalog: PortalDeps['catalog']): Markup {
  const names = files.filter((file) => file.active).map(({ dataset }) => entityName(catalog, dataset));
  return panel({
    id: 'registration',
    title: 'Registration',
    content: panelBody(
      facts([
        ['Entities', names.length > 0 ? names.join(', ') : 'none'],
        ['Runs', `${scheduled.frequency} at ${scheduled.at}, ${scheduled.timeZone}`],
      ]),
    ),
  });
}

function aboutPanel(entities: number): Markup {
  return panel({
    id: 'about',
    title: 'What you get',
    content: panelBody(
      facts([
        ['Entities', `${entities} to choose from, each a CSV file`],
        ['First', 'a full load of each'],
        ['Then', 'what has changed since the delivery before, also if one failed or came late'],
        ['A folder a day', 'on an SFTP server; it appears when it is complete'],
        ['Proof', 'a signed manifest a day, each naming the one before: a missing day is noticed'],
      ]),
    ),
  });
}

/** How each state of a push is shown. */
const PUSH_STATES: Readonly<Record<Delivery['state'], readonly [StateKind, string]>> = {
  pending: ['running', 'Being delivered'],
  delivered: ['available', 'Delivered'],
  failed: ['failed', 'Failed'],
  skipped: ['expired', 'Skipped'],
};

function pushPanel(c: PortalContext, { destination, last }: Push): Markup {
  const times = c.get('times');
  const { config, failingSince } = destination;
  const where =
    config.kind === 'sftp'
      ? html`<code class="break">sftp://${config.user}@${config.host}:${config.port}</code>`
      : html`<code class="break">${config.endpoint}</code>, bucket <code>${config.bucket}</code>`;
  const [kind, word] = last ? PUSH_STATES[last.state] : (['expired', 'none yet'] as const);
  return panel({
    id: 'push',
    title: 'Push delivery',
    about: 'Files are also put there',
    content: panelBody(
      facts([
        ['Where', where],
        ['Folders', html`<code>${config.template}</code>`],
        [
          'Last delivery',
          last
            ? html`${state(kind, word)} <span class="quiet">of ${dayOf(last.run)}${last.endedAt ? [', ', times.ago(last.endedAt)] : ''}</span>${last.failure ? html`<br>${last.failure.message}` : ''}`
            : word,
        ],
        ...(failingSince ? ([['Failing since', times.moment(failingSince)]] as const) : []),
        ['Set', times.moment(destination.changedAt)],
      ]),
    ),
  });
}
