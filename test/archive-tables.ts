import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { expect } from 'vitest';
import type { ColumnType } from '../config/dataset.ts';
import { readDoFile } from '../formats/do-file-reader.ts';
import { closeAtEnd, temporaryFolder } from './cleanup.ts';
import type { StatisticsRead, StatisticsReader } from './statistics-readers.ts';

/** Compares tables of archives with the warehouse, value by value, as independent readers see them. */

type Labels = Readonly<Record<string, string>>;

interface DescribedColumn {
  readonly name: string;
  readonly type: ColumnType;
  readonly label: string;
  readonly valueLabels: Labels;
  readonly missing: Labels;
}

/** A table of a questionnaire version, as the warehouse describes it. */
export interface DescribedTable {
  readonly name: string;
  readonly part: string;
  readonly source: string;
  readonly columns: readonly DescribedColumn[];
}

type Format = 'tab' | 'sav' | 'dta';
type Cell = string | number | null;

/** Files of an archive, by their names. */
export type Entries = ReadonlyMap<string, Buffer>;

/** Opens a warehouse as a worker does. @param sql that workers run when they start */
export async function openWarehouse(sql: string): Promise<DuckDBConnection> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  closeAtEnd(() => {
    connection.closeSync();
    instance.closeSync();
  });
  await connection.run("SET TimeZone = 'UTC'");
  await connection.run(sql);
  return connection;
}

async function query(warehouse: DuckDBConnection, sql: string): Promise<readonly (readonly unknown[])[]> {
  return (await warehouse.runAndReadAll(sql)).getRowsJson();
}

/** @param schema that has `tables` @returns the tables of a version, in their order */
export async function describedTables(
  warehouse: DuckDBConnection,
  schema: string,
  questionnaire: string,
  version: number,
): Promise<readonly DescribedTable[]> {
  const rows = await query(
    warehouse,
    `SELECT table_name, part, source_sql, column_name, type, label, value_labels, missing FROM ${schema}.tables
      WHERE questionnaire_id = '${questionnaire}' AND version = ${version} ORDER BY position`,
  );
  return [...Map.groupBy(rows, ([name]) => String(name))].map(([name, columns]) => ({
    ...{ name, part: String(columns[0]?.[1]), source: String(columns[0]?.[2]) },
    columns: columns.map(([, , , column, type, label, valueLabels, missing]) => ({
      ...{ name: String(column), type: type as ColumnType, label: String(label) },
      ...{ valueLabels: labelsOf(valueLabels), missing: labelsOf(missing) },
    })),
  }));
}

/** A file of an interview, as the warehouse lists it. */
interface DescribedAttachment {
  readonly interview: string;
  readonly kind: string;
  readonly file: string;
  /** Key in the bucket of attachments. */
  readonly object: string;
}

/** @param schema that has `attachments` @returns those of a version and tenant */
export async function describedAttachments(
  warehouse: DuckDBConnection,
  schema: string,
  { id, version, tenant }: { readonly id: string; readonly version: number; readonly tenant: string },
): Promise<readonly DescribedAttachment[]> {
  const rows = await query(
    warehouse,
    `SELECT interview__key, kind, file_name, object_key FROM ${schema}.attachments
      WHERE questionnaire_id = '${id}' AND version = ${version} AND tenant = '${tenant}'`,
  );
  return rows.map(([interview, kind, file, object]) => ({
    ...{ interview: String(interview), kind: String(kind), file: String(file), object: String(object) },
  }));
}

function labelsOf(json: unknown): Labels {
  return json === null ? {} : (JSON.parse(String(json)) as Labels);
}

/** @returns rows of the warehouse: numbers and texts as DuckDB writes them, times in seconds since 1970 or midnight */
async function rawRows(
  warehouse: DuckDBConnection,
  { source, columns }: DescribedTable,
  tenant: string,
): Promise<readonly (readonly (string | null)[])[]> {
  const text = ({ name, type }: DescribedColumn) => {
    if (type === 'date' || type === 'timestamp') return `epoch("${name}"::TIMESTAMP)::VARCHAR`;
    if (type === 'time') return `epoch("${name}")::VARCHAR`;
    return type === 'boolean' ? `"${name}"::INTEGER::VARCHAR` : `"${name}"::VARCHAR`;
  };
  const rows = await query(
    warehouse,
    `SELECT ${columns.map(text).join(', ')} FROM (${source}\n) WHERE tenant = '${tenant}'`,
  );
  return rows as readonly (readonly (string | null)[])[];
}

/** Between the first days of SPSS and Stata and that of Unix, in seconds. Source: IBM SPSS, "Date and time"; Stata, help datetime */
const SPSS_SECONDS = 12_219_379_200;
const STATA_SECONDS = 315_619_200;
const DAY_SECONDS = 86_400;

const isNumber = (type: ColumnType) => type === 'integer' || type === 'decimal' || type === 'double';
const isTime = (type: ColumnType) => type === 'date' || type === 'timestamp' || type === 'time';
const isText = (type: ColumnType) => !isNumber(type) && !isTime(type) && type !== 'boolean';

/** @returns what a value of the warehouse should be in a file. A missing answer of a statistics package is written as its label */
function expectedCell(format: Format, { type, missing }: DescribedColumn, raw: string | null): Cell {
  if (raw === null || raw === 'nan') return isText(type) || format === 'tab' ? '' : null;
  const unanswered = Object.entries(missing).find(([value]) =>
    isText(type) ? value === raw : (isTime(type) ? Date.parse(value) / 1000 : Number(value)) === Number(raw),
  );
  if (unanswered) {
    const [value, label] = unanswered;
    if (format === 'tab') return isTime(type) ? '##N/A##' : value;
    // Stata has no missing texts but the empty one.
    return isText(type) && format === 'dta' ? value : missingCell(label);
  }
  if (isTime(type)) return expectedTime(format, type, Number(raw));
  if (format === 'tab') return type === 'double' ? Number(raw) : isText(type) ? raw.replaceAll(/[\t\r\n]/g, ' ') : raw;
  if (!isText(type)) return Number(raw);
  // SPSS fills texts with blanks.
  return format === 'sav' ? withoutBlanks(raw) : raw;
}

/** @returns a text without the blanks at its end; other values as they are */
function withoutBlanks<Value extends Cell>(value: Value): Value | string {
  return typeof value === 'string' ? value.replace(/ +$/, '') : value;
}

function missingCell(label: string | undefined): string {
  return `missing: ${label}`;
}

function expectedTime(format: Format, type: ColumnType, seconds: number): Cell {
  switch (format) {
    case 'tab': {
      const text = new Date(Math.floor(seconds) * 1000).toISOString();
      return type === 'date' ? text.slice(0, 10) : type === 'time' ? text.slice(11, 19) : text.slice(0, 19);
    }
    case 'sav':
      return type === 'time' ? seconds : seconds + SPSS_SECONDS;
    case 'dta':
      if (type === 'time') return seconds * 1000;
      return type === 'date' ? (seconds + STATA_SECONDS) / DAY_SECONDS : (seconds + STATA_SECONDS) * 1000;
  }
}

function sorted(rows: readonly (readonly Cell[])[]): readonly string[] {
  return rows.map((row) => JSON.stringify(row)).toSorted();
}

/** @returns the rows of a text file, the header first, without the byte order mark */
export function rowsOf(entries: Entries, name: string): readonly string[][] {
  const text = entries.get(name)?.toString('utf8') ?? '';
  expect(text.startsWith('\uFEFF')).toBe(true);
  expect(text.endsWith('\r\n')).toBe(true);
  return text
    .slice(1, -2)
    .split('\r\n')
    .map((line) => line.split('\t'));
}

/** Checks that a text file has the warehouse's rows. @returns how many */
export async function expectTab(
  warehouse: DuckDBConnection,
  table: DescribedTable,
  tenant: string,
  entries: Entries,
): Promise<number> {
  const raw = await rawRows(warehouse, table, tenant);
  const { name, columns } = table;
  const [header, ...rows] = rowsOf(entries, `${name}.tab`);
  expect(header).toEqual(columns.map((column) => column.name));
  const read = (row: readonly string[]) =>
    row.map((text, at) => (columns[at]?.type === 'double' && !/^(?:|-999999999)$/.test(text) ? Number(text) : text));
  const expected = raw.map((row) => columns.map((column, at) => expectedCell('tab', column, row[at] ?? null)));
  expect([name, sorted(rows.map(read))]).toEqual([name, sorted(expected)]);
  return raw.length;
}

/** Checks that both do-files of a text file are commands of Stata, and label its columns and values as the warehouse does. */
export function expectDoFiles({ name, columns }: DescribedTable, entries: Entries): void {
  const [labels, imports] = ['.do', '-import.do'].map((end) =>
    readDoFile(entries.get(`${name}${end}`)?.toString('utf8') ?? ''),
  );
  const names = columns.map((column) => column.name);
  expect([name, imports?.columns]).toEqual([name, names]);
  const letters = lettersOf(columns);
  for (const { name: column, type, label, valueLabels, missing } of columns) {
    for (const script of [labels, imports])
      expect([column, script?.variableLabels.get(column)]).toEqual([column, label]);
    const ofValues = isText(type) || isTime(type) ? [] : Object.entries(valueLabels);
    const ofMissing = isText(type) ? [] : Object.values(missing).map((text) => [`.${letters.get(text)}`, text]);
    const found = [labels, imports].map((script) => [...(script?.valueLabels.get(column) ?? [])].toSorted());
    expect([column, found]).toEqual([column, [ofValues.toSorted(), [...ofValues, ...ofMissing].toSorted()]]);
  }
}

/**
 * Checks that a file of SPSS or Stata has the warehouse's rows, labels, missing values and dates.
 *
 * @param readers that each see all of it, by name
 * @returns how many rows
 */
export async function expectStatistics(
  format: 'sav' | 'dta',
  readers: Readonly<Record<string, StatisticsReader>>,
  warehouse: DuckDBConnection,
  table: DescribedTable,
  tenant: string,
  entries: Entries,
): Promise<number> {
  const path = join(await temporaryFolder(), `${table.name}.${format}`);
  await writeFile(path, entries.get(`${table.name}.${format}`) ?? '');
  const raw = await rawRows(warehouse, table, tenant);
  const columns = table.columns.map((column, at) => {
    const isWide = column.type === 'integer' && raw.some((row) => !Number.isSafeInteger(Number(row[at] ?? 0)));
    // A double does not hold all of its numbers.
    return isWide ? { ...column, type: 'text' as const } : column;
  });
  const expected = raw.map((row) => columns.map((column, at) => expectedCell(format, column, row[at] ?? null)));
  const letters = lettersOf(columns);
  for (const [name, reader] of Object.entries(readers)) {
    const read = await reader.read(path);
    expect([name, read.names]).toEqual([name, columns.map((column) => column.name)]);
    for (const [at, column] of columns.entries())
      expectDescription(format, column, at, read, letters, reader.labelBytes);
    const written = raw.map((_, row) =>
      columns.map((column, at) => readCell(format, column, read, read.values[at]?.[row] ?? null)),
    );
    expect([name, read.values[0]?.length ?? 0]).toEqual([name, raw.length]);
    const seen = reader.dropsBlanks ? expected.map((row) => row.map(withoutBlanks)) : expected;
    expect([name, table.name, sorted(written)]).toEqual([name, table.name, sorted(seen)]);
  }
  return raw.length;
}

/** @returns a value that a reader has found; one that is declared as missing as its label */
function readCell(format: 'sav' | 'dta', { name, type }: DescribedColumn, read: StatisticsRead, value: Cell): Cell {
  const isMissing =
    format === 'sav'
      ? (read.missing[name] ?? []).some(({ lo, hi }) => value !== null && lo === value && hi === value)
      : typeof value === 'string' && !isText(type);
  return isMissing ? missingCell(read.valueLabels[name]?.[String(value)]) : value;
}

const FORMATS = {
  sav: { date: 'SDATE10', timestamp: 'DATETIME20', time: 'TIME8' },
  dta: { date: '%td', timestamp: '%tc', time: '%tcHH:MM:SS' },
} as const satisfies Readonly<Record<string, Partial<Readonly<Record<ColumnType, string>>>>>;

/** @returns Stata's letter of each meaning of a missing answer, over all columns: `a` is the first one's */
function lettersOf(columns: readonly DescribedColumn[]): ReadonlyMap<string, string> {
  const labels = columns.flatMap(({ type, missing }) => (isText(type) ? [] : Object.values(missing)));
  return new Map([...new Set(labels)].map((label, at) => [label, String.fromCharCode(97 + at)]));
}

/** The label of a variable, those of its values, and how dates are shown. @param letters of {@link lettersOf} */
function expectDescription(
  format: 'sav' | 'dta',
  column: DescribedColumn,
  at: number,
  read: StatisticsRead,
  letters: ReadonlyMap<string, string>,
  labelBytes = 256,
): void {
  const { name, type, label, valueLabels, missing } = column;
  expect([name, read.labels[at]]).toEqual([
    name,
    cut(label, format === 'sav' ? { bytes: labelBytes } : { characters: 80 }),
  ]);
  if (type === 'date' || type === 'timestamp' || type === 'time')
    expect([name, read.formats[at]]).toEqual([name, FORMATS[format][type]]);
  if (format === 'dta' && isText(type)) return;
  const written = Object.entries(read.valueLabels[name] ?? {});
  const inFile = ([value, text]: readonly [string, string]) => {
    if (format === 'dta') return [letters.get(text), text];
    return [isTime(type) ? String(Date.parse(value) / 1000 + SPSS_SECONDS) : value, cut(text, { bytes: 120 })];
  };
  const ofValues = Object.entries(valueLabels).map(([value, text]) =>
    format === 'sav' ? inFile([value, text]) : [value, text],
  );
  const expected = [...ofValues, ...Object.entries(missing).map(inFile)];
  expect([name, written.toSorted()]).toEqual([name, expected.toSorted()]);
}

/** @returns the longest beginning of whole characters that a label may have */
function cut(label: string, { bytes = Number.POSITIVE_INFINITY, characters = Number.POSITIVE_INFINITY }): string {
  let kept = '';
  for (const character of [...label].slice(0, characters)) {
    if (Buffer.byteLength(kept + character) > bytes) break;
    kept += character;
  }
  return kept;
}
