import { html } from 'hono/html';
import { type Catalog, offeredName } from '../../../config/dataset.ts';
import { FREQUENCIES } from '../../../contracts/recurrence.ts';
import { EXPORT_OPTIONS, FullLoadBody, RegisterBody } from '../../../contracts/views/recurring.ts';
import { type FieldError, fieldErrorsOf } from '../../http/field-errors.ts';
import { offeredEntities } from '../../recurring/entities.ts';
import { button, choice, field, fieldGroup, postForm, select } from '../components/field.ts';
import type { FieldProblem } from '../components/notice.ts';
import { panel } from '../components/panel.ts';
import { attribute, type Content, flag, type Markup } from '../shell/markup.ts';
import { zoneOptions } from '../shell/time-zone.ts';
import { RECURRING_ADDRESS } from './calendar-panel.ts';
import type { KnownRecurring } from './known.ts';

/** The registration as somebody has filled it in. */
export interface RegistrationForm {
  readonly exportOption: string;
  readonly frequency: string;
  /** Names for callers. */
  readonly entities: readonly string[];
  readonly at: string;
  readonly timeZone: string;
  readonly jitterMinutes: string;
  readonly ackHours: string;
  readonly from: string;
}

/** Names of its fields. */
export const REGISTRATION_FIELDS = [
  ...['exportOption', 'frequency', 'entityList', 'at', 'timeZone', 'jitterMinutes', 'ackHours', 'from'],
] as const;

/** @param fields of a posted form or of an address; without any, the registration as it is */
export function readRegistrationForm(
  fields: URLSearchParams,
  catalog: Catalog,
  { scheduled, files, order }: KnownRecurring,
): RegistrationForm {
  const text = (name: string, before: string) => fields.get(name)?.trim() ?? before;
  const isFilled = fields.has('exportOption');
  const active = files.filter((file) => file.active).flatMap(({ dataset }) => catalog.find(dataset) ?? []);
  return {
    exportOption: text('exportOption', order && !order.enabled ? 'disable export' : 'export selected'),
    frequency: text('frequency', scheduled.frequency),
    entities: isFilled ? fields.getAll('entityList') : active.map(offeredName),
    at: text('at', scheduled.at),
    timeZone: text('timeZone', scheduled.timeZone),
    jitterMinutes: text('jitterMinutes', scheduled.jitterMinutes === null ? '' : String(scheduled.jitterMinutes)),
    ackHours: text('ackHours', scheduled.ackHours === null ? '' : String(scheduled.ackHours)),
    from: text('from', ''),
  };
}

type Parsed<Body> = { readonly body: Body } | { readonly problems: readonly FieldProblem[] };

/** @param usual the deployment's time, which stays the operator's if it is left as it was */
export function registrationBody(
  form: RegistrationForm,
  usual: { readonly at: string; readonly timeZone: string },
): Parsed<ReturnType<typeof RegisterBody.parse>> {
  const isUsual = form.at === usual.at && form.timeZone === usual.timeZone;
  const input = {
    exportOption: form.exportOption,
    frequency: form.frequency,
    entityList: form.entities,
    ...(!isUsual && { at: form.at, timeZone: form.timeZone }),
    ...numberOf('jitterMinutes', form.jitterMinutes),
    ...numberOf('ackHours', form.ackHours),
    ...(form.from !== '' && { from: form.from }),
  };
  const parsed = RegisterBody.safeParse(input);
  return parsed.success
    ? { body: parsed.data }
    : { problems: registrationProblems(fieldErrorsOf(parsed.error, input)) };
}

export function fullLoadBody(fields: URLSearchParams): Parsed<ReturnType<typeof FullLoadBody.parse>> {
  const from = fields.get('from')?.trim() ?? '';
  const input = {
    exportOption: fields.get('exportOption') ?? 'export selected',
    entityList: fields.getAll('entityList'),
    ...(from !== '' && { from }),
  };
  const parsed = FullLoadBody.safeParse(input);
  return parsed.success
    ? { body: parsed.data }
    : { problems: registrationProblems(fieldErrorsOf(parsed.error, input)) };
}

function numberOf(name: string, text: string) {
  return text === '' ? {} : { [name]: /^\d{1,9}$/.test(text) ? Number(text) : text };
}

const MESSAGES: Readonly<Record<string, string>> = {
  entityList: 'Choose at least one entity, or “All”',
  at: 'Choose a time of day, such as 03:00',
  timeZone: 'Choose a time zone of the list',
  jitterMinutes: 'Choose a number of minutes from 0 to 1439',
  ackHours: 'Choose a number of hours from 1 to 744',
  from: 'Choose a day in the past, such as 2024-01-01',
};

/** @returns what the API found wrong, at the controls of the form */
export function registrationProblems(errors: readonly FieldError[]): readonly FieldProblem[] {
  return errors.map(({ field: name, code, message }) => {
    const id = name.split('.')[0] ?? name;
    const isUnknown = id === 'entityList' && code !== 'missing_field';
    return { id, message: isUnknown ? message.replace(/^\w+: /, '') : (MESSAGES[id] ?? message) };
  });
}

const FREQUENCY_NAMES = { daily: 'Day', weekly: 'Monday', monthly: 'First of the month' } as const;
const OPTION_NAMES = { 'export all': 'All', 'export selected': 'Selected', 'disable export': 'None' } as const;

/** The form that registers entities, or changes what is registered. */
export function registrationPanel(
  known: KnownRecurring,
  form: RegistrationForm,
  {
    catalog,
    csrf,
    problems,
  }: { readonly catalog: Catalog; readonly csrf: string; readonly problems: readonly FieldProblem[] },
): Markup {
  const all = offeredEntities(catalog).length;
  const active = known.files.filter((file) => file.active).length;
  const input = (id: 'jitterMinutes' | 'ackHours', label: string, hint: string) =>
    field({
      ...{ id, label, hint, problems },
      control: ({ described }) =>
        html`<input id="${id}" name="${id}" inputmode="numeric" value="${form[id]}"${described}>`,
    });
  return panel({
    id: 'registration',
    title: 'Registration',
    about: known.order?.enabled ? `${active} of ${all} entities` : 'none yet',
    content: postForm(
      RECURRING_ADDRESS,
      csrf,
      html`${choice({
        id: 'exportOption',
        legend: 'Export',
        name: 'exportOption',
        options: EXPORT_OPTIONS.map((value) => ({ value, label: OPTION_NAMES[value] })),
        chosen: form.exportOption,
      })}
${choice({
  id: 'frequency',
  legend: 'Every',
  name: 'frequency',
  options: FREQUENCIES.map((value) => ({ value, label: FREQUENCY_NAMES[value] })),
  chosen: form.frequency,
})}
${fieldGroup(
  'Due at',
  html`<div class="pair">${field({
    ...{ id: 'at', label: 'Time', isPart: true, problems },
    control: ({ id, described }) =>
      html`<input id="${id}" name="at" type="time" value="${form.at}" required${described}>`,
  })}${field({
    ...{ id: 'timeZone', label: 'Time zone', isPart: true, problems },
    control: (props) => select(props, 'timeZone', zoneOptions(), form.timeZone),
  })}</div>`,
  'Days in the paths of files are of this time zone.',
)}
${entityChecks(catalog, {
  chosen: form.entities,
  problems,
  hint: 'For “Selected”. An entity that is chosen again starts with a full load.',
})}
<details id="registration-more"${flag(
        'open',
        problems.some(({ id }) => ['jitterMinutes', 'ackHours', 'from'].includes(id)),
      )}><summary>More options</summary><div class="stack">${input(
        'jitterMinutes',
        'Begin up to so many minutes late (optional)',
        'So that not all tenants begin at once. What a delivery contains stays the same.',
      )}${input(
        'ackHours',
        'Hours in which deliveries are acknowledged (optional)',
        'Later, your contacts get an e-mail.',
      )}${fromField(form.from, problems, 'For entities that are new. Empty: with the first row.')}</div></details>
<div class="row row--end">${button({ label: 'Save registration', look: 'primary', busy: 'Saving…' })}</div>`,
      { classes: 'panel__body' },
    ),
  });
}

export function fromField(value: string, problems: readonly FieldProblem[], hint: string): Markup {
  return field({
    ...{ id: 'from', label: 'Full loads begin on (optional)', hint, problems },
    control: ({ id, described }) => html`<input id="${id}" name="from" type="date" value="${value}"${described}>`,
  });
}

/** Entities to choose from. @param only names of those that are offered; absent: all */
export function entityChecks(
  catalog: Catalog,
  {
    chosen,
    problems,
    hint,
    only,
  }: {
    readonly chosen: readonly string[];
    readonly problems: readonly FieldProblem[];
    readonly hint: Content;
    readonly only?: ReadonlySet<string>;
  },
): Markup {
  const names = offeredEntities(catalog)
    .filter(({ name }) => only === undefined || only.has(name))
    .map(offeredName);
  const problem = problems.find(({ id }) => id === 'entityList');
  return html`<fieldset class="field${problem ? ' field--error' : ''}"><legend>Entities</legend><p class="hint">${hint}</p>${problem ? html`<p class="error">${problem.message}</p>` : ''}<div class="checks">${names.map(
    (name, place) =>
      html`<label class="check"><input type="checkbox"${attribute('id', place === 0 ? 'entityList' : undefined)} name="entityList" value="${name}"${flag('checked', chosen.includes(name))}>${name}</label>
`,
  )}</div></fieldset>`;
}
