import { html } from 'hono/html';
import { flag, type Markup } from '../shell/markup.ts';
import { field, select } from './field.ts';
import type { FieldProblem } from './notice.ts';

/** How the values of a file are written, as a form holds it. */
export interface WrittenValues {
  /** Whether CSV is written for Excel. */
  readonly isForExcel: boolean;
  readonly timeZone: string;
}

/** Names of the fields. */
export const WRITTEN_VALUES = ['csv_preset', 'time_zone'] as const;

export function readWrittenValues(fields: URLSearchParams): WrittenValues {
  return { isForExcel: fields.get('csv_preset') === 'excel', timeZone: fields.get('time_zone') ?? 'UTC' };
}

/** @returns whether something else than usual was chosen */
export function areChosen({ isForExcel, timeZone }: WrittenValues): boolean {
  return isForExcel || timeZone !== 'UTC';
}

/** @param zone of the page's times, which can be chosen too */
export function writtenValues(
  { isForExcel, timeZone }: WrittenValues,
  problems: readonly FieldProblem[],
  zone: string,
): Markup {
  const zones = [...new Set(['UTC', zone, timeZone])];
  return html`<label class="check"><input type="checkbox" id="csv_preset" name="csv_preset" value="excel"${flag('checked', isForExcel)}>CSV for Excel in Europe: semicolons, decimal comma, BOM</label>
${field({
  id: 'time_zone',
  label: 'Time zone of times in the file',
  hint: 'Not in Parquet, which has instants.',
  problems,
  control: (props) =>
    select(
      props,
      'time_zone',
      zones.map((value) => ({ value, label: value.replaceAll('_', ' ') })),
      timeZone,
    ),
})}`;
}
