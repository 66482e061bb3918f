import { html } from 'hono/html';
import type { ManifestMember } from '../../../contracts/manifest.ts';
import {
  ALL_STATUSES,
  type ArchiveType,
  INTERVIEW_STATUS_NAMES,
  type QuestionnaireInfo,
  versionText,
} from '../../../contracts/questionnaires.ts';
import { button, field, linkButton, postForm, select } from '../components/field.ts';
import { counted, grouped, size } from '../components/figures.ts';
import { icon } from '../components/icon.ts';
import { empty, errorSummary, type Notice, notice } from '../components/notice.ts';
import { liveMark, pageHead, panel } from '../components/panel.ts';
import { progressBar, state, sub } from '../components/state.ts';
import { BLANK, type Column, table, tableRow } from '../components/table.ts';
import type { Times } from '../components/times.ts';
import { mayWrite, PORTAL_PATH, type PortalContext } from '../environment.ts';
import type { Fragment } from '../live/stream.ts';
import { attribute, type Content, type Markup } from '../shell/markup.ts';
import type { Page } from '../shell/page.ts';
import { type KnownArchive, type KnownQuestionnaires, WANTED_FIELDS, type Wanted } from './known.ts';

export const QUESTIONNAIRES_PATH = '/questionnaires';
export const QUESTIONNAIRES_ADDRESS = `${PORTAL_PATH}${QUESTIONNAIRES_PATH}`;

const TYPE_TITLES: Readonly<Record<ArchiveType, string>> = {
  tabular: 'Tabular',
  stata: 'Stata',
  spss: 'SPSS',
  binary: 'Binary',
  paradata: 'Paradata',
};

/** Versions on the left; archives of the chosen one, by type, on the right. */
export function questionnairesPage(c: PortalContext, known: KnownQuestionnaires, told?: Notice): Page {
  const { all, chosen, wanted, problems } = known;
  const isWrong = problems.length > 0;
  const head = pageHead({
    title: 'Questionnaires',
    text: 'Build the archive of a questionnaire and fetch it. The old archive stays until the new one is whole.',
    beside: chosen && !isWrong ? liveMark(addressOf(wanted)) : '',
  });
  const content = chosen
    ? html`<div class="split">${versions(all, chosen, c.get('times'))}<div class="stack">${known.archives.length > 0 ? questionnaireParts(c, known).map(({ markup }) => markup) : archivesPanel(c, known)}</div></div>`
    : html`<section class="panel">${empty('No questionnaires', 'They appear here once the warehouse has one.', 2)}</section>`;
  return {
    title: `${isWrong ? 'Error: ' : ''}${chosen ? nameOf(chosen) : 'Questionnaires'}`,
    tab: QUESTIONNAIRES_PATH,
    status: isWrong ? 422 : 200,
    ...(chosen && !isWrong && !told && { live: addressOf(wanted, '/events') }),
    content: html`${isWrong ? errorSummary('The archives were not looked up', problems) : ''}${told ? notice(told) : ''}
${head}
${content}`,
  };
}

/** What changes while somebody looks at the page. */
export function questionnaireParts(c: PortalContext, known: KnownQuestionnaires): readonly Fragment[] {
  return [
    { id: 'archives', markup: archivesPanel(c, known) },
    { id: 'members', markup: html`<div id="members">${membersPanel(known.members)}</div>` },
  ];
}

function versions(all: readonly QuestionnaireInfo[], chosen: QuestionnaireInfo, times: Times): Markup {
  return html`<nav class="panel" aria-labelledby="versions"><div class="panel__head"><h2 id="versions">All questionnaires</h2><p>${grouped(all.length)}</p></div><ul class="list">${all.map(
    (info) =>
      html`<li><a href="${addressOf({ id: versionText(info), status: '', from: '', to: '' })}"${attribute('aria-current', info === chosen ? 'true' : undefined)}>${info.title} <span class="tag">v${info.version}</span>${sub(info.importedAt === null ? info.variable : ['Imported ', times.moment(new Date(info.importedAt))])}</a></li>`,
  )}</ul></nav>`;
}

function nameOf({ title, version }: QuestionnaireInfo): string {
  return `${title}, version ${version}`;
}

const COLUMNS: readonly Column[] = [
  { title: 'Type' },
  { title: 'State' },
  { title: 'File of' },
  { title: 'Size', isNumber: true },
  { title: 'Actions', isHidden: true },
];

function archivesPanel(c: PortalContext, known: KnownQuestionnaires): Markup {
  const { chosen, archives, wanted } = known;
  if (!chosen) return html``;
  const rows = archives.map((archive) => archiveRow(c, archive, { ...wanted, id: versionText(chosen) }));
  return panel({
    id: 'chosen',
    panelId: 'archives',
    title: nameOf(chosen),
    about: html`<code class="break">${versionText(chosen)}</code>`,
    content: html`${filterForm(known, versionText(chosen))}${archives.length > 0 ? table({ caption: 'Archives by type', columns: COLUMNS, rows }) : ''}`,
    foot: ['Filters belong to an archive: each combination has its own.', ...protectionText(known.protection)].join(
      ' ',
    ),
  });
}

function protectionText({ hasPassword, recipients }: KnownQuestionnaires['protection']): readonly string[] {
  return [
    ...(hasPassword
      ? ['The files in archives are encrypted with the password that was agreed on with the operator.']
      : []),
    ...(recipients > 0 ? [`Archives are sealed to ${counted(recipients, 'key')}.`] : []),
  ];
}

function filterForm({ wanted, problems }: KnownQuestionnaires, id: string): Markup {
  const statuses = [
    { value: '', label: 'All' },
    ...INTERVIEW_STATUS_NAMES.map((value) => ({ value, label: words(value) })),
  ];
  const day = (name: 'from' | 'to', label: string) =>
    field({
      id: name,
      label,
      problems,
      control: (props) =>
        html`<input id="${props.id}" name="${name}" type="date" value="${wanted[name]}"${props.described}>`,
    });
  return html`<form class="panel__body" method="get" action="${QUESTIONNAIRES_ADDRESS}"><input type="hidden" name="id" value="${id}"><div class="bar">${field(
    {
      id: 'status',
      label: 'Interview status',
      problems,
      control: (props) => select(props, 'status', statuses, wanted.status === ALL_STATUSES ? '' : wanted.status),
    },
  )}${day('from', 'Changed from (UTC)')}${day('to', 'Changed to (UTC)')}${button({ label: 'Show archives' })}</div></form>`;
}

/** Such as "Approved by supervisor". */
function words(name: string): string {
  const [first = '', ...rest] = name.split(/(?=[A-Z])/);
  return [first, ...rest.map((word) => word.toLowerCase())].join(' ');
}

function archiveRow(c: PortalContext, archive: KnownArchive, wanted: Wanted): Markup {
  const { type, active, current } = archive;
  const title = TYPE_TITLES[type];
  const times = c.get('times');
  return tableRow(COLUMNS, [
    { place: 'lead', content: title },
    { place: 'st', content: stateOf(archive) },
    current?.endedAt
      ? { content: [times.moment(current.endedAt), active ? sub('stays until the new one is whole') : ''] }
      : { content: html`<span class="quiet">never</span>` },
    current?.bytes === null || current === undefined ? BLANK : { content: size(current.bytes) },
    { place: 'acts', content: actions(c, archive, wanted) },
  ]);
}

function stateOf({ type, active, current, ended, progress }: KnownArchive): Content {
  if (active?.state === 'pending') return state('submitted', 'Queued');
  if (active) {
    const percent = progress?.rowsTotal === null || progress === undefined ? null : progress.percent;
    const label = `Progress of ${TYPE_TITLES[type]}`;
    return [
      state('running', 'Running'),
      sub([progressBar(percent, label), percent === null ? ' counting' : ` ${percent} %`]),
    ];
  }
  if (ended?.state === 'failed') {
    const why = ended.failure?.message ?? 'The archive could not be made.';
    return [current ? state('warn', 'Finished with errors') : state('failed', 'Failed'), sub(why)];
  }
  return current ? state('available', 'Finished') : state('expired', 'Not started');
}

function actions(c: PortalContext, { type, active, current }: KnownArchive, wanted: Wanted): Content {
  const title = html`<span class="vh"> ${TYPE_TITLES[type]}</span>`;
  const download = current
    ? linkButton(addressOf(wanted, '/file', type), { label: html`${icon('down')}Download${title}`, isSmall: true })
    : '';
  if (!mayWrite(c)) return download;
  const hidden = [...WANTED_FIELDS.map((name) => [name, wanted[name]] as const), ['type', type] as const].map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  );
  const post = (path: string, control: Markup) =>
    postForm(`${QUESTIONNAIRES_ADDRESS}${path}`, c.get('csrf'), html`${hidden}${control}`);
  return [
    download,
    ' ',
    active
      ? post('/cancel', button({ label: html`Cancel${title}`, isSmall: true, look: 'quiet', busy: 'Cancelling…' }))
      : post(
          '/start',
          button({ label: html`${current ? 'Rebuild' : 'Build'}${title}`, isSmall: true, busy: 'Starting…' }),
        ),
  ];
}

/** What the archive of tables holds; nothing without one. */
function membersPanel(members: readonly ManifestMember[]): Content {
  if (members.length === 0) return '';
  const columns: readonly Column[] = [
    { title: 'File' },
    { title: 'Rows', isNumber: true },
    { title: 'Size', isNumber: true },
  ];
  return panel({
    id: 'inside',
    title: 'In the tabular archive',
    about: counted(members.length, 'file'),
    content: table({
      caption: 'Files in the tabular archive',
      columns,
      isFlat: true,
      staysTable: true,
      rows: members.map(({ name, rows, bytes }) =>
        tableRow(columns, [
          { place: 'lead', content: html`<code class="break">${name}</code>` },
          rows === null ? BLANK : { content: grouped(rows) },
          { content: size(bytes) },
        ]),
      ),
    }),
  });
}

/** Address of the page of these archives, or one below it. */
export function addressOf(wanted: Wanted, path = '', type?: ArchiveType): string {
  const query = new URLSearchParams();
  for (const name of WANTED_FIELDS) if (wanted[name] !== '') query.set(name, wanted[name]);
  if (type) query.set('type', type);
  return `${QUESTIONNAIRES_ADDRESS}${path}${query.size > 0 ? `?${query}` : ''}`;
}
