import type { Column } from '../config/dataset.ts';
import type { Instant } from '../contracts/instant.ts';
import { isStatisticsFormat } from '../contracts/order.ts';
import { type QuestionnaireVersion, versionText } from '../contracts/questionnaires.ts';
import { importScript, labelsScript } from '../formats/labels.ts';
import { fileNames } from '../formats/names.ts';
import { exportReadme, type Readme, type ReadmeFile } from '../formats/readme.ts';
import type { Variable, VariableType } from '../formats/table.ts';
import { labelNotes, labelsOf } from '../stores/warehouse/variables.ts';
import type { ArchivedTable } from './archive-entries.ts';

/** A text file that Waybill writes besides the tables of an archive. */
export interface ArchiveDocument {
  readonly name: string;
  readonly text: Uint8Array;
}

/** What an archive is of, for whoever opens it. */
export interface ArchiveTitle extends QuestionnaireVersion {
  readonly title: string;
  readonly status: string | null;
  readonly from: Instant | null;
  readonly to: Instant | null;
}

const README = 'export__readme.txt';

/** The do-files of a table of text, by which Stata reads and labels it. */
export function scriptsOf({ name, dataset }: ArchivedTable): readonly ArchiveDocument[] {
  const variables = variablesOf(dataset.columns);
  const names = fileNames(
    variables.map((variable) => variable.name),
    'stata',
  );
  const table = { name, variables, names };
  return [document(`${name}.do`, labelsScript(table)), document(`${name}-import.do`, importScript(table))];
}

/** @param notes of the files of statistics packages */
export function readmeOf(
  { title, status, from, to, ...version }: ArchiveTitle,
  tables: readonly ArchivedTable[],
  snapshotAt: Instant,
  notes: readonly string[],
): ArchiveDocument {
  const format = tables[0]?.order.format;
  const readme: Readme = {
    ...{ software: 'Waybill', createdAt: new Date(snapshotAt), title, identity: versionText(version) },
    selection: selectionOf(status, from, to),
    format: format === 'sav' || format === 'dta' ? format : 'tab',
    files: tables.map(readmeFile),
    notes: [...tables.flatMap(textFileNotes), ...notes],
  };
  return document(README, exportReadme(readme));
}

function readmeFile({ name, dataset, order: { format }, part }: ArchivedTable): ReadmeFile {
  const variables = variablesOf(dataset.columns);
  const columns = variables.map((variable) => variable.name);
  const rules = format === 'sav' ? 'spss' : 'stata';
  return {
    ...{ name: `${name}.${format}`, rows: part.rows, variables },
    names: isStatisticsFormat(format) ? fileNames(columns, rules) : columns,
  };
}

/** What the do-files of a table of text leave out. */
function textFileNotes({ name, dataset, order }: ArchivedTable): readonly string[] {
  if (isStatisticsFormat(order.format)) return [];
  return dataset.columns
    .filter(({ hidden }) => !hidden)
    .flatMap((column) => labelNotes(column, TYPES[column.type] ?? TEXT))
    .map((note) => `${name}.${order.format}: ${note}`);
}

function selectionOf(status: string | null, from: Instant | null, to: Instant | null): string {
  const range = [from && ` at or after ${from}`, to && ` at or before ${to}`].filter(Boolean).join(' and');
  const which = status === null ? 'All interviews' : `Interviews with the status ${status}`;
  return `${which}${range === '' ? '' : ` that changed last${range}`}.`;
}

function variablesOf(columns: readonly Column[]): readonly Variable[] {
  return columns
    .filter(({ hidden }) => !hidden)
    .map(({ name, label, type: columnType, valueLabels, missing }) => {
      const type = TYPES[columnType] ?? TEXT;
      return {
        ...{ name, label: label ?? '', type },
        ...{ valueLabels: labelsOf(valueLabels ?? {}, type), missing: labelsOf(missing ?? {}, type) },
      };
    });
}

/** Scripts need no sizes, only whether numbers have a fixed number of decimals: those of a double have any. */
const TEXT: VariableType = { kind: 'text', bytes: 0 };
const TYPES: Partial<Readonly<Record<Column['type'], VariableType>>> = {
  boolean: { kind: 'boolean' },
  integer: { kind: 'integer', min: 0, max: 0 },
  decimal: { kind: 'number', decimals: 0 },
  double: { kind: 'number', decimals: null },
  date: { kind: 'date' },
  time: { kind: 'time' },
  timestamp: { kind: 'timestamp' },
};

function document(name: string, text: string): ArchiveDocument {
  return { name, text: Buffer.from(text, 'utf8') };
}
