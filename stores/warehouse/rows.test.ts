import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Dataset } from '../../config/dataset.ts';
import type { FileOrder } from '../../contracts/order.ts';
import type { Window } from '../../contracts/window.ts';
import { NO_POSTGRES } from './attached.ts';
import { Bindings } from './bindings.ts';
import { type Cut, rowsSql } from './rows.ts';
import { describeSource } from './source.ts';
import {
  at,
  column,
  dataset,
  EVERYTHING,
  openReader,
  order,
  TIMES,
  TIMES_TABLE,
  useWarehouse,
} from './warehouse-fixture.ts';

const { planFile, read } = await useWarehouse(`
  ${TIMES_TABLE}
  CREATE TABLE tenants AS SELECT unnest(['acme', '''; DROP TABLE tenants; --', 'ACME', 'acme ', '%', '$waybill_1', '"', '',
    '007', '7']) AS tenant, 1 AS id;
`);

async function ids(set: typeof TIMES, fields: Parameters<typeof order>[0], part = EVERYTHING): Promise<number[]> {
  const { text } = await read(set, order({ ...fields, columns: ['id'] }), part);
  return text
    .trim()
    .split('\n')
    .slice(1)
    .map(Number)
    .sort((a, b) => a - b);
}

describe('the window', () => {
  const from = '2020-01-01T00:00:00.000001Z';
  const to = '2020-01-03T00:00:00.000000Z';
  // Times as the table has them: before, from, within, to, after.
  const CREATED = [
    null,
    '2020-01-01T00:00:00.000000Z',
    from,
    '2020-01-01T00:00:00.000002Z',
    to,
    '2020-01-03T00:00:00.000001Z',
  ];
  const MODIFIED = [null, '2020-01-01T00:00:00.000000Z', from, to, '2020-01-03T00:00:00.000001Z'];

  it.each(['inclusive', 'half-open'] as const)('%s takes the times to the microsecond', async (bounds) => {
    const inside = (time: string | null) =>
      time !== null && time >= from && (bounds === 'inclusive' ? time <= to : time < to);
    for (const [created, c] of CREATED.map((time, i) => [time, i] as const)) {
      for (const [modified, m] of MODIFIED.map((time, i) => [time, i] as const)) {
        const one = {
          ...TIMES,
          sql: `SELECT * FROM times WHERE created IS NOT DISTINCT FROM ${sqlTime(created)} AND modified IS NOT DISTINCT FROM ${sqlTime(modified)}::TIMESTAMPTZ`,
        };
        const { rows } = await read(one, order({ window: { from: at(from), to: at(to), bounds } }));
        expect({ created, modified, rows }, `${c}/${m}`).toEqual({
          created,
          modified,
          rows: (bounds === 'inclusive' ? inside(created) || inside(modified) : inside(later(created, modified)))
            ? 1
            : 0,
        });
      }
    }
  });

  it.each([
    { from: '2020-01-01', to: '2020-01-03', bounds: 'inclusive', days: ['2020-01-01', '2020-01-03'] },
    { from: '2020-01-01', to: '2020-01-03', bounds: 'half-open', days: ['2020-01-01'] },
    { from: '2020-01-01T00:00:00.000001Z', to: '2020-01-03', bounds: 'inclusive', days: ['2020-01-03'] },
    { from: '2020-01-01', to: '2020-01-02T23:59:59.999999Z', bounds: 'inclusive', days: ['2020-01-01'] },
    { from: '2020-01-01', to: '2020-01-03T00:00:00.000001Z', bounds: 'half-open', days: ['2020-01-01', '2020-01-03'] },
  ] as const)('reads a date as its midnight: $from to $to, $bounds', async ({ from, to, bounds, days }) => {
    const set = dataset({
      sql: 'SELECT DISTINCT tenant, day FROM times WHERE day IS NOT NULL',
      createdColumn: 'day',
      columns: [column('day', 'date')],
    });
    const { text } = await read(set, order({ window: { from: at(from), to: at(to), bounds } }));
    expect(text.trim().split('\n').slice(1).sort()).toEqual(days);
  });

  it('leaves out what changed after the snapshot, though its creation lies in the window', async () => {
    const cut = { ...EVERYTHING, snapshotAt: at('2020-01-03T00:00:00Z') };
    const all = await ids(TIMES, {}, cut);
    const later = await ids(
      { ...TIMES, sql: "SELECT * FROM times WHERE coalesce(modified, created) > TIMESTAMP '2020-01-03'" },
      {},
    );
    expect(later.length).toBeGreaterThan(0);
    expect(all.filter((id) => later.includes(id))).toEqual([]);
    expect(all.length + later.length).toBe(29);
  });

  it('does not apply to a dataset without time columns', async () => {
    const set = { ...TIMES, createdColumn: null, modifiedColumn: null };
    const past = { from: at('1999-01-01'), to: at('1999-01-02'), bounds: 'inclusive' } as const;
    expect(await ids(set, { window: past }, { ...EVERYTHING, snapshotAt: at('1990-01-01') })).toHaveLength(30);
  });
});

describe('rows in PostgreSQL', async () => {
  const INSTANTS = [
    '2019-12-31T00:00:00Z',
    '2020-01-01T00:00:00.000000Z',
    '2020-01-01T00:00:00.000001Z',
    '2020-01-01T00:00:00.000002Z',
    '2020-01-03T00:00:00.000000Z',
    '2020-01-03T00:00:00.000001Z',
    '2020-01-04T00:00:00Z',
  ].map(at);
  const instant = fc.constantFrom(...INSTANTS);
  const WINDOW: fc.Arbitrary<Window> = fc.oneof(
    fc.record({ from: instant, to: instant, bounds: fc.constant('inclusive' as const) }),
    fc.record({ from: fc.option(instant), to: instant, bounds: fc.constant('half-open' as const) }),
  );
  const connection = await openReader();
  await connection.run(TIMES_TABLE);

  async function idsBy(inPostgres: boolean, set: Dataset, wanted: Pick<FileOrder, 'window'>, cut: Cut) {
    const source = await describeSource({ anonymizes: false, postgres: NO_POSTGRES }, connection, set, {});
    const bindings = new Bindings(set, {});
    const rows = rowsSql({ ...source, inPostgres }, { ...wanted, tenant: 'acme' }, cut, bindings);
    const statement = await connection.prepare(`SELECT source.id ${rows} ORDER BY source.id`);
    bindings.bindTo(statement);
    return (await statement.runAndReadAll()).getRows().map(([id]) => Number(id));
  }

  const SETS = [TIMES, { ...TIMES, modifiedColumn: null }, { ...TIMES, createdColumn: 'day' }];

  it('are the same by two queries, each with a range of one column', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...SETS),
        fc.option(WINDOW),
        fc.record({
          snapshotAt: instant,
          slice: fc.record({ from: fc.option(instant), to: fc.option(instant) }),
        }),
        async (set, window, cut) => {
          const whole = await idsBy(false, set, { window }, cut);
          expect(new Set(whole).size).toBe(whole.length);
          expect(await idsBy(true, set, { window }, cut)).toEqual(whole);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('are each in one slice', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...SETS),
        fc.option(WINDOW),
        fc.uniqueArray(instant, { maxLength: 4 }),
        fc.boolean(),
        async (set, window, cuts, inPostgres) => {
          const snapshotAt = at('2030-01-01');
          const edges = [null, ...cuts.sort(), null];
          const parts: number[] = [];
          for (const [index, from] of edges.slice(0, -1).entries()) {
            const slice = { from, to: edges[index + 1] ?? null };
            parts.push(...(await idsBy(inPostgres, set, { window }, { snapshotAt, slice })));
          }
          const whole = await idsBy(false, set, { window }, { snapshotAt, slice: { from: null, to: null } });
          expect(parts.sort((a, b) => a - b)).toEqual(whole);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('are each in one of half-open windows that tile', async () => {
    const last = at('2030-01-01');
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...SETS),
        fc.uniqueArray(instant, { maxLength: 4 }),
        fc.boolean(),
        async (set, cuts, inPostgres) => {
          const cut = { snapshotAt: last, slice: { from: null, to: null } };
          const ends = [...cuts.sort(), last];
          const found: number[] = [];
          for (const [index, to] of ends.entries()) {
            const window = { from: ends[index - 1] ?? null, to, bounds: 'half-open' } as const;
            found.push(...(await idsBy(inPostgres, set, { window }, cut)));
          }
          expect(found.sort((a, b) => a - b)).toEqual(await idsBy(false, set, { window: null }, cut));
        },
      ),
      { numRuns: 100 },
    );
  });
});

/** @returns the later one of two times of which either may be missing */
function later(one: string | null, other: string | null): string | null {
  if (one === null || other === null) return one ?? other;
  return one > other ? one : other;
}

function sqlTime(time: string | null): string {
  return time === null ? 'NULL' : `TIMESTAMP '${time.replace('Z', '')}'`;
}

describe('a tenant', () => {
  const set = dataset({ sql: 'SELECT * FROM tenants', columns: [column('tenant', 'text')] });

  it.each([...'acme|\'; DROP TABLE tenants; --|ACME|acme |%|$waybill_1|"|007|7'.split('|'), ''])(
    'named %j reads its own rows only',
    async (tenant) => {
      const csv = { ...order().csv, header: false };
      const { text, rows } = await read(set, order({ tenant, format: 'jsonl', csv }));
      expect(rows).toBe(1);
      expect(JSON.parse(text)).toEqual({ tenant });
    },
  );

  it('of any other name, and with any parameter, reads none', async () => {
    const filtered = {
      ...set,
      sql: 'SELECT * FROM tenants WHERE id = $Number AND ($text IS NULL OR tenant <> $text OR tenant = $text)',
      parameters: [
        { name: 'Number', type: 'integer', required: true, title: null },
        { name: 'text', type: 'text', required: false, title: null },
      ],
    } as const;
    await fc.assert(
      fc.asyncProperty(
        fc.string({ minLength: 1, maxLength: 20, unit: 'binary' }),
        fc.string(),
        async (tenant, text) => {
          fc.pre(!tenant.includes('\0') && !text.includes('\0') && tenant !== '%' && tenant !== '"' && tenant !== '7');
          const foreign = await planFile(filtered, order({ tenant, parameters: { Number: 1, text } }), 10);
          expect(foreign.rows).toBe(0);
          const own = await planFile(filtered, order({ parameters: { Number: 1, text } }), 10);
          expect(own.rows).toBe(1);
        },
      ),
      { numRuns: 50 },
    );
  });

  it.each([
    { type: 'INTEGER', value: '7', others: ['007', '7.0', '+7', ' 7', 'seven', '99999999999999999999'] },
    { type: 'UTINYINT', value: '7', others: ['-7', '256', '263'] },
    { type: 'HUGEINT', value: '170141183460469231731687303715884105727', others: ['1e5'] },
    { type: 'DECIMAL(5, 2)', value: '7.50', others: ['7.5', '7.499', '7.501', '7.500'] },
    { type: 'UUID', value: '5c3b1d3e-0000-0000-0000-00000000000a', others: ['5C3B1D3E-0000-0000-0000-00000000000A'] },
    { type: "ENUM('acme', 'a''b', 'ACME')", value: "a'b", others: ['a', 'none', ''] },
    { type: 'DATE', value: '2020-01-02', others: ['2020-1-2', '2020-01-02 00:00:00'] },
    { type: 'BOOLEAN', value: 'true', others: ['1', 't', 'TRUE'] },
    { type: 'DOUBLE', value: '7.5', others: ['7.50'] },
    { type: 'TIMESTAMP', value: '2020-01-02 00:00:00', others: ['2020-01-02'] },
    { type: 'BLOB', value: 'acme', others: ['ACME'] },
  ])('in a column of type $type is its value as text, and no other spelling', async ({ type, value, others }) => {
    const typed = dataset({
      sql: `SELECT 1 AS id, CAST('${value.replaceAll("'", "''")}' AS ${type}) AS tenant`,
      columns: [column('id', 'integer')],
    });
    expect((await planFile(typed, order({ tenant: value }), 10)).rows).toBe(1);
    for (const tenant of others) {
      expect((await planFile(typed, order({ tenant }), 10)).rows, tenant).toBe(0);
    }
  });
});
