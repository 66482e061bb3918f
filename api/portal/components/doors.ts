import type { ExportKind } from '../../../contracts/run.ts';

const NAMES: Readonly<Record<string, string>> = {
  'on-demand': 'On demand',
  periodic: 'Periodic',
  recurring: 'Recurring',
  questionnaire: 'Questionnaires',
  requests: 'Data Export',
};

/** @returns what people call a kind of export: the name of its tab */
export function doorName(kind: ExportKind): string {
  return NAMES[kind] ?? kind;
}
