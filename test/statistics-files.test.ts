import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ManifestFile } from '../contracts/manifest.ts';
import { useStack } from './context.ts';
import { ALWAYS, createOnDemandClient } from './on-demand-client.ts';
import { readWithDuckDb } from './read-back.ts';
import { type SavReader, startSavReader } from './sav-readers.ts';

const client = createOnDemandClient(useStack().urls.api, 'dreambuilder');
let directory: string;
let reader: SavReader;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'waybill-statistics-'));
  reader = await startSavReader();
});
afterAll(async () => {
  await reader.close();
  await rm(directory, { recursive: true });
});

/** Since 1970, microseconds as fractions, which `Date` leaves out. @param text `2012-09-05T11:12:47.000000Z` */
function millisecondsOf(text: string): number {
  return Date.parse(`${text.slice(0, 19)}Z`) + Number(text.slice(19, -1)) * 1000;
}

type Format = 'SAV' | 'ZSAV' | 'DTA';
type Value = number | string | null;

/** Rows of a CSV export, as a file of SPSS or Stata must have them, without regard to their order. */
async function rowsOfCsv(csv: Buffer, columns: ManifestFile['columns'], format: Format) {
  const epoch = Date.parse(format === 'DTA' ? '1960-01-01' : '1582-10-14');
  const unitMs = format === 'DTA' ? 1 : 1000;
  const expectedOf = (type: string, text: string | null): Value => {
    if (type === 'text') return text ?? '';
    if (text === null || text === '') return null;
    if (type === 'boolean') return text === 'true' ? 1 : 0;
    return type === 'timestamp' ? Math.round((millisecondsOf(text) - epoch) / unitMs) : Number(text);
  };
  const rows = (await readWithDuckDb(csv, 'csv')) as readonly Readonly<Record<string, string | null>>[];
  // A double does not hold them exactly, so the column is text.
  const isWide = ({ header, type }: ManifestFile['columns'][number]) =>
    type === 'integer' && rows.some((row) => !Number.isSafeInteger(Number(row[header] ?? 0)));
  const types = columns.map((column) => (isWide(column) ? 'text' : column.type));
  expect(types.filter((type, at) => type !== columns[at]?.type)).not.toEqual([]);
  return rows
    .map((row) => JSON.stringify(columns.map(({ header }, at) => expectedOf(types[at] ?? '', row[header] ?? null))))
    .toSorted();
}

/** The same of a file, as pyreadstat reads it. */
async function rowsOfFile(file: Buffer, format: Format, columns: ManifestFile['columns']) {
  const path = join(directory, `read.${format.toLowerCase()}`);
  await writeFile(path, file);
  const read = await reader.read(path);
  expect(read.names).toEqual(columns.map(({ name }) => name));
  return {
    read,
    rows: (read.values[0] ?? [])
      .map((_, row) =>
        JSON.stringify(
          read.values.map((values, at) => {
            const value = values[row] ?? null;
            return columns[at]?.type === 'timestamp' && value !== null ? Math.round(Number(value)) : value;
          }),
        ),
      )
      .toSorted(),
  };
}

describe('an on-demand export', () => {
  it.each([
    ['SAV', 'application/x-spss-sav', '$FL2'],
    ['ZSAV', 'application/x-spss-sav', '$FL3'],
    ['DTA', 'application/x-stata-dta', '<sta'],
  ] as const)('as %s has the rows of the CSV, sealed or not', async (format, type, magic) => {
    const identity = await generateIdentity();
    const order = { ...ALWAYS, exportType: 'LEARNING_ACTIVITIES', format };
    const ids = await Promise.all([
      client.order({ ...order, format: 'CSV' }),
      client.order(order),
      client.order({ ...order, recipients: [await identityToRecipient(identity)] }),
    ]);
    const [csv, open, sealed] = ids;
    for (const id of ids) expect(await client.ended(id)).toMatchObject({ state: 'completed', failure: null });
    const described = await client.described(open);
    expect(described).toMatchObject({ file: `learning_activities.${format.toLowerCase()}` });
    expect(described.parts).toHaveLength(1);
    const answer = await client.request('GET', `/exports/${open}/file`);
    expect(answer.headers.get('content-type')).toBe(type);
    const stored = Buffer.from(await answer.arrayBuffer());
    expect([stored.length, stored.toString('latin1', 0, 4)]).toEqual([described.contentBytes, magic]);
    const expected = await rowsOfCsv(await client.file(csv), described.columns, format);
    const { rows, read } = await rowsOfFile(stored, format, described.columns);
    expect(rows.length).toBe(described.rows);
    expect(rows).toEqual(expected);
    // A file of Stata does not name it: since format 118 it is UTF-8.
    expect(read.encoding).toBe(format === 'DTA' ? null : 'UTF-8');
    const opened = await client.file(sealed, { 'x-private-key': identity });
    expect((await rowsOfFile(opened, format, described.columns)).rows).toEqual(expected);
  });
});
