import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Dataset } from '../../config/dataset.ts';
import { column, dataset, order, useWarehouse } from './warehouse-fixture.ts';

const { planFile, read } = await useWarehouse();

interface Row {
  readonly key: string;
  readonly created: string | null;
  readonly modified: string | null;
}

const LATER = '2099-01-01';
const TIMES = [
  null,
  '-infinity',
  '1970-01-01',
  '2020-01-01',
  '2020-01-01 00:00:00.000001',
  '2020-01-02',
  LATER,
  'infinity',
];
const KEYS = ['1', '2', '0', '-0.0', 'nan', 'inf', '-inf'];

const rowsOf = fc.array(
  fc.record<Row>({
    key: fc.constantFrom(...KEYS),
    created: fc.constantFrom(...TIMES),
    modified: fc.constantFrom(...TIMES),
  }),
  { minLength: 1, maxLength: 30 },
);

function rowsDataset(rows: readonly Row[], fields: Partial<Dataset> = {}): Dataset {
  const time = (text: string | null) => (text === null ? 'NULL' : `'${text}'`);
  const values = rows.map(
    ({ key, created, modified }, id) => `(${id}, '${key}'::DOUBLE, ${time(created)}, ${time(modified)})`,
  );
  return dataset({
    sql: `SELECT 'acme' AS tenant, id, key, created::TIMESTAMP AS created, modified::TIMESTAMPTZ AS modified
      FROM (VALUES ${values.join(', ')}) AS rows(id, key, created, modified)`,
    createdColumn: 'created',
    modifiedColumn: 'modified',
    key: ['key'],
    columns: [column('id', 'integer')],
    ...fields,
  });
}

const PLAIN = { ...order(), window: null, csv: { ...order().csv, header: false } };

/** @returns the sum of all rows at once */
async function sumOf(set: Dataset) {
  const { parts } = await planFile(set, PLAIN, Number.MAX_SAFE_INTEGER);
  const [part] = parts;
  if (!part || parts.length > 1) throw new Error('one part was expected');
  return { rows: part.rows, rowsHash: part.rowsHash };
}

describe('the parts of a plan', () => {
  it('have every row once, and their sums, as planned and as read, add up to the sum of the whole', async () => {
    await fc.assert(
      fc.asyncProperty(rowsOf, fc.integer({ min: 1, max: 5 }), async (rows, partRows) => {
        const set = rowsDataset(rows);
        const plan = await planFile(set, PLAIN, partRows);
        const ids: number[] = [];
        let hash = 0n;
        for (const part of plan.parts) {
          const cut = { ...part, first: part.index === 0, snapshotAt: plan.snapshotAt };
          const { text, ...sum } = await read(set, PLAIN, cut);
          expect(sum).toEqual({ rows: part.rows, rowsHash: part.rowsHash });
          hash += BigInt(`0x${part.rowsHash}`);
          ids.push(...text.split('\n').filter(Boolean).map(Number));
        }
        const expected = rows.flatMap(({ created, modified }, id) =>
          [LATER, 'infinity'].includes(modified ?? created ?? '') ? [] : [id],
        );
        expect(ids.toSorted((one, other) => one - other)).toEqual(expected);
        expect(await sumOf(set)).toEqual({ rows: expected.length, rowsHash: hex(hash) });
      }),
      { numRuns: 40 },
    );
  }, 120_000);
});

function hex(sum: bigint): string {
  return BigInt.asUintN(64, sum).toString(16).padStart(16, '0');
}

describe('the sum of as many rows', () => {
  const [early, late] = [
    { key: '1', created: '2020-01-01', modified: null },
    { key: '2', created: '2020-01-02', modified: null },
  ];
  const keyless = { key: [] };
  const timeless = { key: [], createdColumn: null, modifiedColumn: null };

  it('does not depend on their order', async () => {
    expect(await sumOf(rowsDataset([early, late, late]))).toEqual(await sumOf(rowsDataset([late, early, late])));
  });

  it.each([
    ['one has another key', [early, late], [early, { ...late, key: '3' }], {}],
    ['one has another time', [early, late], [early, { ...late, created: '2020-01-03' }], {}],
    ['one has its time in the other column', [early], [{ ...early, created: null, modified: early.created }], {}],
    [
      'two exchange their times',
      [early, late],
      [
        { ...early, created: late.created },
        { ...late, created: early.created },
      ],
      {},
    ],
    ['equal ones are replaced by equal ones', [early, early], [late, late], keyless],
    ['there is no key, and one has another time', [early], [late], keyless],
  ])('is another one when %s', async (_, before, after, fields) => {
    const [one, other] = [await sumOf(rowsDataset(before, fields)), await sumOf(rowsDataset(after, fields))];
    expect(one.rows).toBe(other.rows);
    expect(one.rowsHash).not.toBe(other.rowsHash);
  });

  it('is of all columns when there is neither key nor time', async () => {
    const set = rowsDataset([early], timeless);
    const other = { ...set, sql: set.sql.replace('VALUES (0', 'VALUES (7') };
    expect((await sumOf(set)).rowsHash).not.toBe((await sumOf(other)).rowsHash);
    const keyed = { ...set, key: ['key'] };
    expect(await sumOf(keyed)).toEqual(await sumOf({ ...other, key: ['key'] }));
  });

  it('of no rows is zero', async () => {
    expect(await sumOf(rowsDataset([{ ...early, created: LATER }]))).toEqual({ rows: 0, rowsHash: hex(0n) });
  });
});
