import { html } from 'hono/html';
import type { z } from 'zod';
import type { RunTime } from '../../../contracts/recurrence.ts';
import { type FieldError, fieldErrorsOf } from '../../http/field-errors.ts';
import { EnableRequest, RotateRequest } from '../../periodic/input.ts';
import { field, fieldGroup, select } from '../components/field.ts';
import type { FieldProblem } from '../components/notice.ts';
import { flag, type Markup } from '../shell/markup.ts';
import { zoneOptions } from '../shell/time-zone.ts';

/** When to run, and which key to seal to, as somebody has filled it in. */
export interface KeyForm {
  readonly at: string;
  readonly timeZone: string;
  readonly recipient: string;
  readonly postQuantum: boolean;
}

/** Names of its fields; none is secret. */
export const KEY_FIELDS = ['at', 'timeZone', 'recipient', 'postQuantum'] as const;

/** @param fields of a posted form or of an address. @param usual what is shown where they hold nothing */
export function readKeyForm(fields: URLSearchParams, usual: RunTime): KeyForm {
  return {
    at: fields.get('at') ?? usual.at,
    timeZone: fields.get('timeZone') ?? usual.timeZone,
    recipient: fields.get('recipient')?.trim() ?? '',
    postQuantum: fields.get('postQuantum') === 'true',
  };
}

type Parsed<Body> = { readonly body: Body } | { readonly problems: readonly FieldProblem[] };

/** @param usual a time that is left as it was is not sent, so that it stays the operator's, if it is */
export function enableBody(form: KeyForm, usual: RunTime): Parsed<z.infer<typeof EnableRequest>> {
  const isUsual = form.at === usual.at && form.timeZone === usual.timeZone;
  return parse(EnableRequest, { ...keyOf(form), ...(!isUsual && { at: form.at, timeZone: form.timeZone }) });
}

export function rotateBody(form: KeyForm): Parsed<z.infer<typeof RotateRequest>> {
  return parse(RotateRequest, keyOf(form));
}

function keyOf({ recipient, postQuantum }: KeyForm) {
  return { ...(recipient !== '' && { recipient }), ...(postQuantum && { postQuantum }) };
}

function parse<Schema extends z.ZodType>(schema: Schema, input: Record<string, unknown>): Parsed<z.infer<Schema>> {
  const parsed = schema.safeParse(input);
  return parsed.success ? { body: parsed.data } : { problems: fieldErrorsOf(parsed.error, input).map(problemOf) };
}

const MESSAGES: Readonly<Record<string, string>> = {
  at: 'Choose a time of day, such as 03:00',
  timeZone: 'Choose a time zone of the list',
  postQuantum: 'Choose either a post-quantum key that is made here or your own recipient',
};

function problemOf({ field: id, message }: FieldError): FieldProblem {
  return { id, message: MESSAGES[id] ?? message.replace(/^\w+: /, '') };
}

export function timeFields({ at, timeZone }: KeyForm, problems: readonly FieldProblem[]): Markup {
  return fieldGroup(
    'Every day at',
    html`<div class="pair">${field({
      id: 'at',
      label: 'Time',
      isPart: true,
      problems,
      control: ({ id, described }) => html`<input id="${id}" name="at" type="time" value="${at}" required${described}>`,
    })}${field({
      id: 'timeZone',
      label: 'Time zone',
      isPart: true,
      problems,
      control: (props) => select(props, 'timeZone', zoneOptions(), timeZone),
    })}</div>`,
  );
}

/** Which key; without a choice, one is made here. */
export function keyFields({ recipient, postQuantum }: KeyForm, problems: readonly FieldProblem[]): Markup {
  const isOpen = recipient !== '' || postQuantum || problems.some(({ id }) => id === 'recipient');
  return html`<details id="key-options"${flag('open', isOpen)}><summary>Another key</summary><div class="stack">${field(
    {
      id: 'recipient',
      label: 'Your own recipient (optional)',
      hint: html`An age public key, <code>age1…</code>. No private key is made here then, and only yours opens the files.`,
      problems,
      control: ({ id, described }) =>
        html`<input id="${id}" name="recipient" class="mono" spellcheck="false" autocomplete="off" value="${recipient}"${described}>`,
    },
  )}<label class="check"><input type="checkbox" id="postQuantum" name="postQuantum" value="true"${flag('checked', postQuantum)}>Make a post-quantum key</label></div></details>`;
}
