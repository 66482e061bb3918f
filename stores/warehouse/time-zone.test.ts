import { Temporal } from 'temporal-polyfill';
import { describe, expect, it } from 'vitest';
import type { FileFormat } from '../../contracts/order.ts';
import { column, dataset, order, useWarehouse } from './warehouse-fixture.ts';

const ZONES = ['Europe/Berlin', 'America/St_Johns', 'Australia/Lord_Howe'] as const;
/** Every 15 minutes of the days around the changes of these zones, and a microsecond before each. */
const SPANS = ['2026-03-28', '2026-10-24', '2026-03-07', '2026-10-31', '2026-04-04', '2026-10-03'];
const HALF_HOURS = 4 * 24 * 3;

const { read } = await useWarehouse(`
  CREATE TABLE moments AS
    SELECT 'acme' AS tenant, moment, moment::TIMESTAMP AS plain, moment::TIMESTAMP::TIMESTAMP_NS AS nano, moment::DATE AS day
    FROM (SELECT TIMESTAMPTZ '2026-01-01 00:00:00+00' + (day::DATE - DATE '2026-01-01') * INTERVAL 1 DAY
        + quarter * INTERVAL 15 MINUTE - before * INTERVAL 1 MICROSECOND AS moment
      FROM (SELECT unnest(['${SPANS.join("', '")}']) AS day), range(${HALF_HOURS}) AS q(quarter), range(2) AS b(before));
  CREATE TABLE odd AS SELECT 'acme' AS tenant, * FROM (VALUES (0, TIMESTAMPTZ '1800-01-01 00:00:00+00', TIMESTAMP_NS '2026-07-01 10:00:00.123456789'),
    (1, 'infinity', NULL), (2, NULL, 'infinity'), (3, '0044-03-15 (BC) 12:00:00+00', NULL), (4, '10000-01-01 00:00:00+00', NULL))
    AS v(id, moment, nano);
`);
const MOMENTS = dataset({
  sql: 'SELECT * FROM moments ORDER BY moment',
  columns: [
    column('moment', 'timestamp'),
    column('plain', 'timestamp'),
    column('nano', 'timestamp'),
    column('day', 'date'),
  ],
});
const ODD = dataset({
  sql: 'SELECT * FROM odd ORDER BY id',
  columns: [column('moment', 'timestamp'), column('nano', 'timestamp')],
});

/** @returns the lines of a file */
async function lines(set: typeof MOMENTS, format: FileFormat, timeZone?: string): Promise<string[]> {
  const { text } = await read(set, { ...order({ format, ...(timeZone && { timeZone }) }), window: null });
  return text.trim().split('\n');
}

describe('timestamps in a time zone', () => {
  it.each(ZONES)('%s are those of Temporal, across each change of the clock', async (timeZone) => {
    const [, ...utc] = await lines(MOMENTS, 'csv');
    const [, ...zoned] = await lines(MOMENTS, 'csv', timeZone);
    expect(utc).toHaveLength(SPANS.length * HALF_HOURS * 2);
    const offsets = new Set<string>();
    for (const [at, line] of utc.entries()) {
      const [instant = '', , , day = ''] = line.split(',');
      const clock = Temporal.Instant.from(instant).toZonedDateTimeISO(timeZone);
      offsets.add(clock.offset);
      const text = clock.toString({ timeZoneName: 'never', fractionalSecondDigits: 6 });
      const nano = clock.toString({ timeZoneName: 'never', fractionalSecondDigits: 9 });
      expect(zoned[at]).toBe(`${text},${text},${nano},${day}`);
    }
    expect(offsets.size).toBe(2);
  });

  it('are in JSONL and JSON as in CSV', async () => {
    const [, first = ''] = await lines(MOMENTS, 'csv', 'Europe/Berlin');
    const [moment, plain, nano, day] = first.split(',');
    const object = { moment, plain, nano, day };
    expect(JSON.parse((await lines(MOMENTS, 'jsonl', 'Europe/Berlin'))[0] ?? '')).toEqual(object);
    for (const format of ['json', 'typed-json'] as const) {
      expect(JSON.parse((await lines(MOMENTS, format, 'Europe/Berlin')).join('\n'))[0]).toEqual(object);
    }
  });

  it('have seconds in their offset before standard time, and years as in UTC', async () => {
    expect((await lines(ODD, 'csv', 'Europe/Berlin')).slice(1)).toEqual([
      '1800-01-01T00:53:28.000000+00:53:28,2026-07-01T12:00:00.123456789+02:00',
      'infinity,',
      ',infinity',
      '-000043-03-15T12:53:28.000000+00:53:28,',
      '+010000-01-01T01:00:00.000000+01:00,',
    ]);
    expect((await lines(ODD, 'csv', 'America/New_York'))[1]).toBe(
      '1799-12-31T19:03:58.000000-04:56:02,2026-07-01T06:00:00.123456789-04:00',
    );
    expect((await lines(ODD, 'csv', 'America/New_York'))[5]).toBe('9999-12-31T19:00:00.000000-05:00,');
  });
});
