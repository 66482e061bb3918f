import {
  BIGINT,
  BOOLEAN,
  DATE,
  DuckDBDateValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  ENUM,
  TIMESTAMP,
  TIMESTAMPTZ,
  UUID,
  VARCHAR,
} from '@duckdb/node-api';
import { describe, expect, it } from 'vitest';
import { mayBeTenant, POSTGRES_VALUES, postgresLiteral } from './postgres-values.ts';

describe('a value in SQL for PostgreSQL', () => {
  it('cannot end its literal, with backslashes and quotes in it', () => {
    expect(postgresLiteral(`a'b\\'c`)).toBe(`E'a''b\\\\''c'`);
  });

  it('is a point in time in UTC, to the microsecond', () => {
    const micros = 1_577_836_800_000_001n;
    expect(POSTGRES_VALUES.add(new DuckDBTimestampTZValue(micros), TIMESTAMPTZ)).toBe(
      `CAST(E'2020-01-01 00:00:00.000001+00' AS TIMESTAMP WITH TIME ZONE)`,
    );
    expect(POSTGRES_VALUES.add(new DuckDBTimestampValue(micros), TIMESTAMP)).toBe(
      `CAST(E'2020-01-01 00:00:00.000001' AS TIMESTAMP)`,
    );
    expect(POSTGRES_VALUES.add(new DuckDBDateValue(0), DATE)).toBe(`CAST(E'1970-01-01' AS DATE)`);
  });

  it('of the year 0 is in the year 1 before the common era', () => {
    const begin = new DuckDBTimestampTZValue(-62_167_219_200_000_000n);
    expect(POSTGRES_VALUES.add(begin, TIMESTAMPTZ)).toContain(`E'0001-01-01 00:00:00+00 BC'`);
  });
});

describe('the condition on the tenant', () => {
  const uuid = '5c3b1d3e-0000-0000-0000-000000000001';
  it.each([
    [VARCHAR, `O'Neil\\`, `"c"::text = E'O''Neil\\\\'`],
    [VARCHAR, 'a\0b', 'false'],
    [ENUM(['a', 'b']), 'b', `"c" = E'b'`],
    [ENUM(['a', 'b']), `b' OR true --`, 'false'],
    [UUID, uuid, `"c" = E'${uuid}'`],
    [UUID, 'x', 'false'],
    [BIGINT, '-7', '"c" = -7'],
    [BIGINT, '7 OR true', 'false'],
    [BIGINT, '99999999999999999999', '"c" = 99999999999999999999'],
    [BOOLEAN, 'true', 'true'],
  ])('of type %s and key %j holds for no values that are an error', (type, key, sql) => {
    expect(mayBeTenant('"c"', type, key)).toBe(sql);
  });
});
