import { html } from 'hono/html';
import { attribute, type Content, flag, type Markup, NOTHING } from '../shell/markup.ts';
import { icon } from './icon.ts';
import type { FieldProblem } from './notice.ts';

/** Attributes of a control that its field sets. */
export interface ControlProps {
  readonly id: string;
  /** `aria-describedby` and `aria-invalid`, to be put into the control's tag. */
  readonly described: Markup;
}

export interface Field {
  /** Id of the control, to which the error summary links. */
  readonly id: string;
  readonly label: string;
  readonly hint?: Content;
  readonly problems?: readonly FieldProblem[];
  /** Whether the label stands as a hint, as inside of a group. */
  readonly isPart?: boolean;
  readonly control: (props: ControlProps) => Markup;
}

/** A label, a hint, what is wrong, and a control. */
export function field({ id, label, hint, problems = [], isPart = false, control }: Field): Markup {
  const problem = problems.find((candidate) => candidate.id === id);
  const ids = [...(hint === undefined ? [] : [`${id}-hint`]), ...(problem ? [`${id}-error`] : [])].join(' ');
  const described = html`${attribute('aria-describedby', ids || undefined)}${attribute('aria-invalid', problem ? 'true' : undefined)}`;
  return html`<div class="field${problem ? ' field--error' : ''}"><label${attribute('class', isPart ? 'hint' : undefined)} for="${id}">${label}</label>${hint === undefined ? '' : html`<p class="hint" id="${id}-hint">${hint}</p>`}${problemAt(problem)}${control({ id, described })}</div>`;
}

/** Several controls under one legend, such as a window. */
export function fieldGroup(legend: string, content: Content, hint?: Content): Markup {
  return html`<fieldset class="field"><legend>${legend}</legend>${hint === undefined ? '' : html`<p class="hint">${hint}</p>`}${content}</fieldset>`;
}

/** The sentence at a control. */
export function problemAt(problem: FieldProblem | undefined): Markup {
  if (!problem) return NOTHING;
  return html`<p class="error" id="${problem.id}-error">${icon('failed')}${problem.message}</p>`;
}

export interface Option {
  readonly value: string;
  readonly label: string;
}

export function select(
  { id, described }: ControlProps,
  name: string,
  options: readonly Option[],
  chosen: string | undefined,
): Markup {
  return html`<select id="${id}" name="${name}"${described}>${options.map(
    ({ value, label }) => html`<option value="${value}"${flag('selected', value === chosen)}>${label}</option>`,
  )}</select>`;
}

/** Radio buttons that look like one control. @param id of the first, to which the error summary links */
export function choice({
  id,
  legend,
  name,
  options,
  chosen,
}: {
  readonly id: string;
  readonly legend: string;
  readonly name: string;
  readonly options: readonly Option[];
  readonly chosen: string | undefined;
}): Markup {
  return html`<fieldset class="field"><legend>${legend}</legend><div class="choice">${options.map(
    ({ value, label }, place) =>
      html`<label><input type="radio"${attribute('id', place === 0 ? id : undefined)} name="${name}" value="${value}"${flag('checked', value === chosen)}>${label}</label>`,
  )}</div></fieldset>`;
}

/** A form that changes something, with the token that proves that the page is ours. */
export function postForm(
  action: string,
  csrf: string,
  content: Content,
  { classes }: { readonly classes?: string } = {},
): Markup {
  return html`<form${attribute('class', classes)} method="post" action="${action}"><input type="hidden" name="csrf" value="${csrf}">${content}</form>`;
}

export interface Button {
  readonly label: Content;
  /** @default a plain button */
  readonly look?: 'primary' | 'quiet' | 'danger';
  readonly isSmall?: boolean;
  readonly classes?: string;
  /** What it says once it was pressed, for example Counting… */
  readonly busy?: string;
  /** Name and value that the form sends. */
  readonly sends?: { readonly name: string; readonly value: string };
}

export function button({ label, look, isSmall = false, classes, busy, sends }: Button): Markup {
  return html`<button class="${buttonClasses({ look, isSmall, classes })}"${attribute('name', sends?.name)}${attribute('value', sends?.value)}${attribute('data-busy', busy)}>${label}</button>`;
}

export function linkButton(
  address: string,
  { label, look, isSmall = false, classes }: Omit<Button, 'busy' | 'sends'>,
): Markup {
  return html`<a class="${buttonClasses({ look, isSmall, classes })}" href="${address}">${label}</a>`;
}

function buttonClasses({
  look,
  isSmall,
  classes,
}: {
  readonly look: Button['look'] | undefined;
  readonly isSmall: boolean;
  readonly classes: string | undefined;
}): string {
  return ['btn', isSmall ? 'btn--small' : '', look ? `btn--${look}` : '', classes ?? ''].filter(Boolean).join(' ');
}
