import { html } from 'hono/html';
import type { RequestedFilter } from '../../../contracts/filter.ts';
import type { FieldError } from '../../http/field-errors.ts';
import { flag, type Markup } from '../shell/markup.ts';
import { problemAt } from './field.ts';
import { icon } from './icon.ts';
import type { FieldProblem } from './notice.ts';

/** Conditions on columns as texts, as a form holds them. */
export type FilterFields = readonly { readonly column: string; readonly op: Op; readonly value: string }[];

const OPS = {
  eq: { label: 'is', hint: '' },
  in: { label: 'is one of', hint: 'a, b, c' },
  range: { label: 'is from … to', hint: 'from..to' },
  isNull: { label: 'is empty', hint: '' },
} as const;
type Op = keyof typeof OPS;

interface FilterColumn {
  readonly name: string;
  readonly header: string;
}

/** What the buttons of the fields send as `do`: the form is shown again with one more, or one less. */
const ADD = 'add-filter';
const REMOVE = /^remove-filter-(\d+)$/;

/** Whether the form was sent only to change the number of its filters. */
export function changesFilters(fields: URLSearchParams): boolean {
  const wanted = fields.get('do') ?? '';
  return wanted === ADD || REMOVE.test(wanted);
}

/** @param columns those that rows can be chosen by; conditions on others, of another dataset, are dropped */
export function readFilterFields(fields: URLSearchParams, columns: readonly FilterColumn[]): FilterFields {
  const [names, ops, values] = ['filter_column', 'filter_op', 'filter_value'].map((name) => fields.getAll(name));
  const read = (names ?? []).flatMap((column, place) => {
    const op = Object.hasOwn(OPS, ops?.[place] ?? '') ? (ops?.[place] as Op) : 'eq';
    return columns.some(({ name }) => name === column) ? [{ column, op, value: values?.[place] ?? '' }] : [];
  });
  const wanted = fields.get('do') ?? '';
  const [first] = columns;
  if (wanted === ADD && first) return [...read, { column: first.name, op: 'eq', value: '' }];
  const removed = REMOVE.exec(wanted)?.[1];
  return removed === undefined ? read : read.filter((_, place) => place !== Number(removed));
}

/** @returns the filter as the API takes it */
export function filterBody(filter: FilterFields): RequestedFilter {
  return filter.map(conditionOf);
}

function conditionOf({ column, op, value }: FilterFields[number]): RequestedFilter[number] {
  switch (op) {
    case 'eq':
      return { column, op, value };
    case 'in':
      return { column, op, values: listOf(value) };
    case 'range': {
      const [from = '', to = ''] = value.split('..').map((end) => end.trim());
      return { column, op, from: from || null, to: to || null };
    }
    case 'isNull':
      return { column, op };
  }
}

/** Separated by commas or, where values have commas, a JSON array. */
function listOf(text: string): string[] {
  if (text.trimStart().startsWith('[')) {
    try {
      const list: unknown = JSON.parse(text);
      if (Array.isArray(list)) return list.map(String);
    } catch {
      // Not JSON, so a text that begins with a bracket.
    }
  }
  return text.split(',').map((value) => value.trim());
}

/** @returns what is wrong with a filter, at its control; `undefined`: the error is about something else */
export function filterProblem({ field, message }: FieldError): FieldProblem | undefined {
  const place = /^filter\.(\d+)/.exec(field)?.[1];
  if (place === undefined) return undefined;
  const text = message.replace(/^[\w.]+: /, '').replace(/\.$/, '');
  return { id: `filter-${place}`, message: `Filter ${Number(place) + 1}: ${text}` };
}

/** Fields of a form that choose rows; without a script too, since its buttons send the form. */
export function filterFields(
  filter: FilterFields,
  columns: readonly FilterColumn[],
  problems: readonly FieldProblem[],
): Markup {
  return html`<fieldset class="field"><legend>Filter</legend>${filter.map(({ column, op, value }, place) => {
    const number = place + 1;
    const problem = problems.find(({ id }) => id === `filter-${place}`);
    const described = problem ? html` aria-describedby="${problem.id}-error" aria-invalid="true"` : '';
    return html`<div class="field${problem ? ' field--error' : ''}">${problemAt(problem)}<div class="filter"><select name="filter_column" aria-label="Column of filter ${number}">${columns.map(
      ({ name, header }) => html`<option value="${name}"${flag('selected', name === column)}>${header}</option>`,
    )}</select><select name="filter_op" aria-label="Test of filter ${number}">${Object.entries(OPS).map(
      ([name, { label }]) => html`<option value="${name}"${flag('selected', name === op)}>${label}</option>`,
    )}</select><button class="btn btn--quiet" name="do" value="remove-filter-${place}" formnovalidate>${icon('cross')}<span class="vh">Remove filter ${number}</span></button><input id="filter-${place}" name="filter_value" value="${value}" placeholder="${OPS[op].hint}" aria-label="Value of filter ${number}"${described}></div></div>`;
  })}<div class="row"><button class="btn btn--small" name="do" value="${ADD}" formnovalidate>${icon('plus')}Add a filter</button></div>${
    filter.length > 0
      ? html`<p class="hint">All must hold. Several values: a, b, c. From and to: 10..20, either may be left out.</p>`
      : ''
  }</fieldset>`;
}
