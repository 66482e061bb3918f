import { html } from 'hono/html';
import type { Dataset, Parameter } from '../../../config/dataset.ts';
import { COMPRESSIONS } from '../../../contracts/order.ts';
import { FILE_COUNTS } from '../../../contracts/views/on-demand.ts';
import { button, choice, field, fieldGroup, postForm, select } from '../components/field.ts';
import { filterFields } from '../components/filter-fields.ts';
import type { FieldProblem } from '../components/notice.ts';
import { panel } from '../components/panel.ts';
import { areChosen, writtenValues } from '../components/written-values.ts';
import { PORTAL_PATH } from '../environment.ts';
import { attribute, flag, type Markup } from '../shell/markup.ts';
import { filterColumns, type OrderForm } from './order-form.ts';
import { COMPRESSION_NAMES, FILE_COUNT_NAMES, FORMAT_NAMES } from './words.ts';

/** The form of a new export. */
export function orderPanel(
  form: OrderForm,
  {
    datasets,
    problems,
    csrf,
    zone,
  }: {
    readonly datasets: readonly Dataset[];
    readonly problems: readonly FieldProblem[];
    readonly csrf: string;
    readonly zone: string;
  },
): Markup {
  return panel({
    id: 'order',
    title: 'New export',
    content: postForm(
      `${PORTAL_PATH}/on-demand`,
      csrf,
      // The first button is what Enter presses.
      html`<button hidden name="do" value="preview"></button>
${datasetField(form, datasets, problems)}
${form.dataset.parameters.map((parameter) => parameterField(parameter, form, problems))}
${windowFields(form, zone, problems)}
${filterFields(form.filter, filterColumns(form.dataset), problems)}
${choice({
  id: 'format',
  legend: 'Format',
  name: 'format',
  options: form.dataset.formats.map((value) => ({ value, label: FORMAT_NAMES[value] })),
  chosen: form.format,
})}
${choice({
  id: 'compression',
  legend: 'Compression',
  name: 'compression',
  options: COMPRESSIONS.map((value) => ({ value, label: COMPRESSION_NAMES[value] })),
  chosen: form.compression,
})}
${choice({
  id: 'files',
  legend: 'Files',
  name: 'files',
  options: FILE_COUNTS.map((value) => ({ value, label: FILE_COUNT_NAMES[value] })),
  chosen: form.files,
})}
${columnFields(form, problems)}
<details${flag('open', areChosen(form))}><summary>How values are written</summary><div class="stack">${writtenValues(form, problems, zone)}</div></details>
${field({
  id: 'recipients',
  label: 'Seal to',
  hint: html`Recipients (age public keys), one a line; <a href="${PORTAL_PATH}/open-file#make">make a key</a> if you have none. Leave empty for a file that is not sealed.`,
  problems,
  control: ({ id, described }) =>
    html`<textarea id="${id}" name="recipients" class="mono" rows="2" spellcheck="false"${described}>${form.recipients}</textarea>`,
})}
<div class="row">${button({ label: 'Update preview', sends: { name: 'do', value: 'preview' }, busy: 'Counting…' })}${button(
        {
          label: 'Order export',
          look: 'primary',
          classes: 'push',
          sends: { name: 'do', value: 'order' },
          busy: 'Ordering…',
        },
      )}</div>
`,
      { classes: 'panel__body form' },
    ),
  });
}

function datasetField(form: OrderForm, datasets: readonly Dataset[], problems: readonly FieldProblem[]): Markup {
  return field({
    id: 'dataset',
    label: 'Dataset',
    problems,
    control: ({ id, described }) =>
      html`${select(
        { id, described: html`${described} data-sends="choose"` },
        'dataset',
        datasets.map(({ name, title }) => ({ value: name, label: title })),
        form.dataset.name,
      )}<noscript><button class="btn btn--small" name="do" value="choose">Show its columns</button></noscript>`,
  });
}

function windowFields(form: OrderForm, zone: string, problems: readonly FieldProblem[]): Markup {
  const time = (id: 'from' | 'to', label: string) =>
    field({
      id,
      label,
      problems,
      isPart: true,
      control: ({ described }) =>
        html`<input id="${id}" name="${id}" type="datetime-local" min="0001-01-01T00:00" max="9999-12-31T23:59" value="${form[id]}"${described}>`,
    });
  return fieldGroup(
    'Window',
    html`<div class="pair pair--time">${time('from', 'From')}${time('to', 'To')}</div>`,
    `By the time that rows were created or modified, both ends included, in ${zone}. Leave an end empty for all.`,
  );
}

function columnFields({ dataset, columns }: OrderForm, problems: readonly FieldProblem[]): Markup {
  const chosen = columns?.length ?? dataset.columns.length;
  const all = dataset.columns.length;
  const problem = problems.find(({ id }) => id === 'columns');
  return html`<details id="columns"${flag('open', columns !== null)}><summary>Columns: ${chosen === all ? `all ${all}` : `${chosen} of ${all}`}</summary><fieldset${attribute('class', problem ? 'field field--error' : undefined)}><legend class="vh">Columns</legend>${problem ? html`<p class="error">${problem.message}</p>` : ''}<input type="hidden" name="columns_of" value="${dataset.name}"><div class="checks">${dataset.columns.map(
    ({ name, header }) =>
      html`<label class="check"><input type="checkbox" name="columns" value="${name}"${flag('checked', columns === null || columns.includes(name))}>${header}</label>
`,
  )}</div></fieldset></details>`;
}

function parameterField(parameter: Parameter, form: OrderForm, problems: readonly FieldProblem[]): Markup {
  const { name, type, title, required } = parameter;
  return field({
    id: `parameter-${name}`,
    label: `${title ?? name}${required ? '' : ' (optional)'}`,
    problems,
    control: (props) =>
      type === 'boolean'
        ? select(
            props,
            `parameter_${name}`,
            [
              ...(required ? [] : [{ value: '', label: 'not set' }]),
              { value: 'true', label: 'yes' },
              { value: 'false', label: 'no' },
            ],
            form.parameters[name],
          )
        : html`<input id="${props.id}" name="parameter_${name}"${attribute('inputmode', type === 'integer' ? 'numeric' : undefined)} value="${form.parameters[name] ?? ''}"${props.described}>`,
  });
}
