import { html } from 'hono/html';
import { ANONYMIZED_SUFFIX } from '../../../contracts/requests.ts';
import type { Realm } from '../../requests/request.ts';
import { button, type ControlProps, choice, field, postForm, problemAt, select } from '../components/field.ts';
import { counted } from '../components/figures.ts';
import { filterFields } from '../components/filter-fields.ts';
import type { FieldProblem } from '../components/notice.ts';
import { panel, panelBody } from '../components/panel.ts';
import type { Times } from '../components/times.ts';
import { areChosen, writtenValues } from '../components/written-values.ts';
import { type Content, flag, type Markup } from '../shell/markup.ts';
import { filterColumns, type RequestFields } from './form.ts';
import { FORMAT_NAMES, REQUESTS_PAGE } from './words.ts';

interface FormPanel {
  readonly realms: readonly Realm[];
  readonly problems: readonly FieldProblem[];
  readonly csrf: string;
  readonly times: Times;
  /** When the request would begin; `null`: at once. */
  readonly startsAt: Date | null;
  /** Who gets a mail when it is ready. */
  readonly addresses: readonly string[];
}

/** The form of a new request. */
export function formPanel(
  form: RequestFields,
  { realms, problems, csrf, times, startsAt, addresses }: FormPanel,
): Markup {
  return panel({
    id: 'create',
    title: 'Create Data Export Request',
    content: postForm(
      REQUESTS_PAGE,
      csrf,
      // The first button is what Enter presses.
      html`<button hidden></button>
${field({
  id: 'realm',
  label: 'Realm',
  problems,
  control: ({ id, described }) =>
    html`${select(
      { id, described: html`${described} data-sends="choose"` },
      'realm',
      realms.map(({ id: value, title: label }) => ({ value, label })),
      form.realm.id,
    )}<noscript><button class="btn btn--small" name="do" value="choose" formnovalidate>Show its fields</button></noscript>`,
})}
${dateFields(form, problems, times.now)}
${choice({
  id: 'format',
  legend: 'Format',
  name: 'format',
  options: Object.entries(FORMAT_NAMES)
    .filter(([name]) => form.realm.formats.some((format) => format === name))
    .map(([value, label]) => ({ value, label })),
  chosen: form.format,
})}
${moreOptions(form, problems, times.zone)}
<div class="field">${button({ label: 'Request export', look: 'primary', classes: 'btn--wide', busy: 'Requesting…' })}<p class="hint">${startText(startsAt, times)}${mailText(addresses)}</p></div>
`,
      { classes: 'panel__body form' },
    ),
  });
}

function dateFields({ start, end }: RequestFields, problems: readonly FieldProblem[], now: Date): Markup {
  const today = now.toISOString().slice(0, 10);
  const wrong = problems.filter(({ id }) => id === 'start_date' || id === 'end_date');
  const date = (id: 'start_date' | 'end_date', label: string, value: string) => {
    const isWrong = wrong.some((problem) => problem.id === id);
    const described = html` aria-describedby="dates-hint${isWrong ? ` ${id}-error` : ''}"${isWrong ? html` aria-invalid="true"` : ''}`;
    const props: ControlProps = { id, described };
    return html`<div class="field"><label for="${id}">${label}</label><input id="${id}" name="${id}" type="date" min="0001-01-01" max="${today}" required value="${value}"${props.described}></div>`;
  };
  return html`<div class="field${wrong.length > 0 ? ' field--error' : ''}">${wrong.map(problemAt)}
<div class="pair">${date('start_date', 'Start date', start)}${date('end_date', 'End date', end)}</div>
<p class="hint" id="dates-hint">Both days are included, in UTC. One year at most.</p></div>`;
}

/** Filter, and how values are written. */
function moreOptions(form: RequestFields, problems: readonly FieldProblem[], zone: string): Markup {
  const { filter, realm } = form;
  return html`<details${flag('open', filter.length > 0 || areChosen(form))}><summary>More options</summary><div class="stack">
${filterFields(filter, filterColumns(realm), problems)}
${writtenValues(form, problems, zone)}</div></details>`;
}

function startText(startsAt: Date | null, times: Times): Content {
  return startsAt === null ? 'It starts at once.' : ['Starts ', times.due(startsAt), '.'];
}

function mailText([first, ...others]: readonly string[]): Content {
  if (first === undefined) return '';
  const more = others.length > 0 ? ` and ${counted(others.length, 'other')}` : '';
  return html` We e-mail <span class="nowrap">${first}</span>${more} when it is ready.`;
}

/** What the files of a realm hold. */
export function fieldsPanel({ title, fields }: Realm): Markup {
  const anonymized = fields.filter(({ anonymize }) => anonymize).length;
  const verb = anonymized === 1 ? 'is' : 'are';
  return panel({
    id: 'fields',
    title: `Fields of ${title}`,
    about: `${fields.length}${anonymized > 0 ? `, of which ${anonymized} ${verb} de-identified` : ''}`,
    content: panelBody(
      html`<dl class="fields">${fields.map(
        ({ header, documentation, anonymize }) =>
          html`<dt>${header.replace(ANONYMIZED_SUFFIX, '')}</dt><dd>${documentation}${anonymize ? html` <span class="tag">de-identified</span>` : ''}</dd>
`,
      )}</dl>`,
    ),
  });
}
