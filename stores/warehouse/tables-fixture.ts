import { column, dataset } from './warehouse-fixture.ts';

/** SQL of 30 rows of tenant `acme`: every pair of created and modified around the borders of a window, NULL included. */
export const TIMES_TABLE = `
  CREATE TABLE times (id INTEGER, tenant VARCHAR, created TIMESTAMP, modified TIMESTAMPTZ, day DATE);
  INSERT INTO times
    SELECT row_number() OVER (), 'acme', c.t::TIMESTAMP, m.t::TIMESTAMP AT TIME ZONE 'UTC', c.t::DATE
    FROM (VALUES (NULL), ('2020-01-01 00:00:00.000000'), ('2020-01-01 00:00:00.000001'), ('2020-01-01 00:00:00.000002'),
      ('2020-01-03 00:00:00.000000'), ('2020-01-03 00:00:00.000001')) c(t),
      (VALUES (NULL), ('2020-01-01 00:00:00.000000'), ('2020-01-01 00:00:00.000001'), ('2020-01-03 00:00:00.000000'),
      ('2020-01-03 00:00:00.000001')) m(t);
`;

/** SQL of 200,000 rows, every other one of tenant `acme`; a third was modified a month after it was created. */
export const BIG_TABLE = `
  CREATE TABLE big AS SELECT i AS id, CASE WHEN i % 2 = 0 THEN 'acme' ELSE 'other' END AS tenant,
    TIMESTAMP '2020-01-01' + to_seconds(i // 10) AS created,
    CASE WHEN i % 3 = 0 THEN TIMESTAMP '2020-02-01' + to_seconds(i // 10) END AS modified, 'name; of ' || i AS name
    FROM range(200000) t(i);
`;

/** The rows of {@link TIMES_TABLE}. Its SQL ends in a comment. */
export const TIMES = dataset({
  sql: 'SELECT * FROM times -- all of them',
  createdColumn: 'created',
  modifiedColumn: 'modified',
  columns: [column('id', 'integer')],
});

/** The rows of {@link BIG_TABLE}. Its SQL ends in a semicolon. */
export const BIG = dataset({
  sql: 'SELECT * FROM big;',
  createdColumn: 'created',
  modifiedColumn: 'modified',
  columns: [column('id', 'integer'), column('name', 'text'), column('created', 'timestamp')],
});
