import { html } from 'hono/html';
import type { Catalog } from '../../../config/dataset.ts';
import { DOORS } from '../../../contracts/limits.ts';
import type { Credential } from '../../../stores/ledger/ports.ts';
import { isUsable } from '../../../stores/ledger/usable.ts';
import { doorName } from '../components/doors.ts';
import { button, field, linkButton, postForm } from '../components/field.ts';
import { grouped } from '../components/figures.ts';
import { icon } from '../components/icon.ts';
import { errorSummary, type FieldProblem, notice } from '../components/notice.ts';
import { code, pageHead, panel, panelBody } from '../components/panel.ts';
import { sub } from '../components/state.ts';
import { type Column, table, tableRow } from '../components/table.ts';
import { mayWrite, PORTAL_PATH, type PortalContext } from '../environment.ts';
import { attribute, type Content, flag, type Markup } from '../shell/markup.ts';
import type { Page } from '../shell/page.ts';
import type { CredentialForm } from './form.ts';

export const CREDENTIALS_PATH = '/credentials';
export const CREDENTIALS = `${PORTAL_PATH}${CREDENTIALS_PATH}`;

export interface CredentialsPage {
  readonly credentials: readonly Credential[];
  readonly form: CredentialForm;
  readonly problems?: readonly FieldProblem[];
  /** Shown this once. */
  readonly secret?: { readonly clientId: string; readonly secret: string; readonly isNew: boolean };
}

export function credentialsPage(c: PortalContext, catalog: Catalog, shown: CredentialsPage): Page {
  const { credentials, form, problems = [], secret } = shown;
  const { now } = c.get('times');
  const writes = mayWrite(c);
  const usable = credentials.filter((credential) => isUsable(credential, now));
  const others = credentials.filter((credential) => !isUsable(credential, now));
  const isWrong = problems.length > 0;
  return {
    title: `${isWrong ? 'Error: ' : ''}Credentials`,
    tab: CREDENTIALS_PATH,
    status: isWrong ? 422 : 200,
    content: html`${isWrong ? errorSummary('The credential was not created', problems) : ''}
${pageHead({ title: 'Credentials', text: 'Who and what may take your data, through which doors, and when each was last used.' })}
${writes ? '' : notice({ title: 'You may look', text: 'Making, limiting and revoking take a credential that may write.' })}
${secret ? secretPanel(secret) : ''}
${panel({
  id: 'active',
  title: 'Active',
  about: grouped(usable.length),
  content: credentialTable(c, catalog, 'Active credentials', usable, writes),
})}
${others.length === 0 ? '' : html`<details class="panel"><summary class="panel__head">Revoked and expired: ${others.length}</summary>${credentialTable(c, catalog, 'Revoked and expired credentials', others, false)}</details>`}
${writes ? newPanel(c, catalog, form, problems) : ''}`,
  };
}

function secretPanel({ clientId, secret, isNew }: NonNullable<CredentialsPage['secret']>): Markup {
  const about = isNew
    ? 'It is stored only as a hash.'
    : 'The old secret is void, and so are its log-ins and access tokens.';
  return html`<section class="secret" aria-labelledby="new-secret"><div class="panel__head">${icon('lock')}<h2 id="new-secret">${isNew ? 'Secret' : 'New secret'} of ${clientId}. This is the only time it is shown</h2></div>${panelBody(html`${code(secret, 'secret')}<div class="row"><p class="note">${about}</p>${linkButton(CREDENTIALS, { label: 'I have stored the secret', look: 'primary', classes: 'push' })}</div>`)}</section>`;
}

const COLUMNS: readonly Column[] = [
  { title: 'Client id' },
  { title: 'Scopes' },
  { title: 'Doors' },
  { title: 'Datasets' },
  { title: 'Last used' },
  { title: 'Expires' },
  { title: 'Actions', isHidden: true },
];

function credentialTable(
  c: PortalContext,
  catalog: Catalog,
  caption: string,
  credentials: readonly Credential[],
  hasActions: boolean,
): Markup {
  const times = c.get('times');
  const { actor } = c.get('caller');
  const columns = hasActions ? COLUMNS : COLUMNS.slice(0, -1);
  return table({
    caption,
    columns,
    rows: credentials.map(({ clientId, scopes, doors, datasets, lastUsedAt, lastUsedFrom, expiresAt, disabledAt }) => {
      const used: Content = lastUsedAt
        ? [times.ago(lastUsedAt), lastUsedFrom === null ? '' : sub(lastUsedFrom)]
        : html`<span class="quiet">never</span>`;
      const expires =
        disabledAt !== null
          ? ['revoked ', times.moment(disabledAt)]
          : expiresAt === null
            ? 'never'
            : expiresAt > times.now
              ? times.until(expiresAt)
              : times.moment(expiresAt);
      return tableRow(columns, [
        { place: 'lead', content: [clientId, clientId === actor ? sub('this session') : ''] },
        { content: scopes.join(', ') },
        { content: doors === null ? 'all' : doors.map(doorName).join(', ') },
        { content: datasets === null ? 'all' : datasets.map((name) => catalog.find(name)?.title ?? name).join(', ') },
        { content: used },
        { content: expires },
        ...(hasActions ? [{ place: 'acts' as const, content: actions(c, clientId) }] : []),
      ]);
    }),
  });
}

function actions(c: PortalContext, clientId: string): Content {
  const here = addressOf(clientId);
  const of = html`<span class="vh"> ${clientId}</span>`;
  return html`${linkButton(`${here}/limit`, { label: html`Limit${of}`, isSmall: true })} ${
    clientId === c.get('caller').actor
      ? linkButton(`${here}/rotate`, { label: html`New secret${of}`, isSmall: true })
      : postForm(`${here}/rotate`, c.get('csrf'), button({ label: html`New secret${of}`, isSmall: true }))
  } ${linkButton(`${here}/revoke`, { label: html`Revoke${of}`, isSmall: true, look: 'quiet' })}`;
}

export function addressOf(clientId: string): string {
  return `${CREDENTIALS}/${encodeURIComponent(clientId)}`;
}

function newPanel(c: PortalContext, catalog: Catalog, form: CredentialForm, problems: readonly FieldProblem[]): Markup {
  return panel({
    id: 'new',
    title: 'New credential',
    content: postForm(
      CREDENTIALS,
      c.get('csrf'),
      html`<div class="split split--even">${field({
        id: 'client-id',
        label: 'Client id',
        hint: html`Letters, digits and hyphens, such as <code>etl-staging</code>`,
        problems,
        control: ({ id, described }) =>
          html`<input id="${id}" name="client_id" autocomplete="off" autocapitalize="none" spellcheck="false" value="${form.clientId}"${described}>`,
      })}${field({
        id: 'expires',
        label: 'Expires at the end of',
        hint: 'Leave empty for never',
        problems,
        control: ({ id, described }) =>
          html`<input id="${id}" name="expires" type="date"${attribute('value', form.expires || undefined)}${described}>`,
      })}</div>
<fieldset class="field"><legend>Scopes</legend><div class="checks"><label class="check"><input type="checkbox" checked disabled>Read and download</label><label class="check"><input type="checkbox" name="write"${flag('checked', form.mayWrite)}>Order, cancel and delete</label></div></fieldset>
${limitFields(catalog, form, problems)}
<div class="row row--end">${button({ label: 'Create credential', look: 'primary' })}</div>`,
      { classes: 'panel__body' },
    ),
  });
}

/** The doors and datasets of a form. */
export function limitFields(
  catalog: Catalog,
  form: Pick<CredentialForm, 'doors' | 'datasets'>,
  problems: readonly FieldProblem[],
): Markup {
  const group = (
    id: 'doors' | 'datasets',
    legend: string,
    name: string,
    options: readonly (readonly [value: string, label: string])[],
  ) => {
    const problem = problems.find((each) => each.id === id);
    return html`<fieldset${attribute('class', problem ? 'field field--error' : 'field')}><legend>${legend}</legend>${problem ? html`<p class="error">${icon('failed')}${problem.message}</p>` : ''}<div class="checks">${options.map(
      ([value, label], place) =>
        html`<label class="check"><input type="checkbox"${attribute('id', place === 0 ? id : undefined)} name="${name}" value="${value}"${flag('checked', form[id].includes(value))}>${label}</label>
`,
    )}</div></fieldset>`;
  };
  const all = catalog.datasets.length;
  const chosen = form.datasets.length;
  const isOpen = chosen !== all || problems.some(({ id }) => id === 'datasets');
  const doors = DOORS.map((door) => [door, doorName(door)] as const);
  const datasets = catalog.datasets.map(({ name, title }) => [name, title] as const);
  return html`${group('doors', 'Doors', 'door', doors)}
<details${flag('open', isOpen)}><summary>Datasets: ${chosen === all ? `all ${all}` : `${chosen} of ${all}`}</summary>${group('datasets', 'Datasets', 'dataset', datasets)}</details>`;
}
