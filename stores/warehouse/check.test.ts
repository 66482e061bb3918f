import { describe, expect, it } from 'vitest';
import { BIG, BIG_TABLE, column, dataset, TIMES, TIMES_TABLE, useWarehouse } from './warehouse-fixture.ts';

const { warehouse } = await useWarehouse(TIMES_TABLE + BIG_TABLE);

describe('a check', () => {
  it('names each dataset and column that does not fit', async () => {
    const sets = [
      BIG,
      dataset({ name: 'A', sql: 'SELECT 1 AS id', columns: [column('id', 'timestamp'), column('gone', 'text')] }),
      dataset({ name: 'B', sql: "SELECT 'x' AS tenant, 'y' AS at", createdColumn: 'at', columns: [] }),
      dataset({ name: 'C', sql: 'SELECT * FROM nowhere', columns: [] }),
      dataset({ name: 'D', sql: 'SELECT $x AS tenant', columns: [] }),
      dataset({ name: 'E', sql: "SELECT 'x' AS tenant; SELECT 'y' AS tenant", columns: [] }),
    ];
    const error = await warehouse.check(sets).then(String, String);
    expect(error).toContain(
      'Dataset A: the tenant column tenant is not in what the SQL selects; column id is INTEGER, which cannot be written as timestamp; column gone is not',
    );
    expect(error).toContain('Dataset B: the created column at is VARCHAR');
    expect(error).toMatch(/Dataset C: .*nowhere does not exist/);
    expect(error).toContain('Dataset E: the SQL should be one SELECT, not several statements');
    expect(error).toContain('Dataset D: the SQL uses $x');
    expect(error).not.toContain('THINGS');
  });

  it('passes what fits', async () => {
    await warehouse.check([BIG, TIMES]);
  });
});
