import { statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createTreeWriter, dayAt } from '../chain/chain-fixture.ts';
import { readDays } from '../chain/days.ts';
import { scratch, user } from '../chain/four-days-fixture.ts';
import { findDays } from '../chain/tree.ts';
import { compose } from './compose.ts';
import { planEntities } from './plan.ts';
import { query } from './run-fixture.ts';

const ROWS = 1_000_000;
const CHANGED = 50_000;

test('a million rows are composed in less memory than they take', async () => {
  const root = scratch();
  const writer = createTreeWriter(root);
  const rowsOf = (count: number, text: string) =>
    Array.from({ length: count }, (_, id) => [String(id), `${id} ${text.repeat(80)}`]);
  writer.deliver(dayAt(0), [user(null, 24, { rows: rowsOf(ROWS, 'abcd') })]);
  writer.deliver(dayAt(1), [user(24, 48, { rows: rowsOf(CHANGED, 'efgh'), deleted: ['7', '8'] })]);
  expect(statSync(join(root, '2026/01/01/user/user.csv')).size).toBeGreaterThan(300_000_000);
  const staging = scratch();
  const file = join(staging, 'user.csv');
  const plans = planEntities(root, (await readDays(findDays(root), undefined)).days, []);
  const options = { staging, signal: new AbortController().signal, fileOf: () => file };
  const written = await compose(plans, { format: 'csv', memory: '192MB', ...options }, () => undefined);
  expect(written).toEqual([{ entity: 'user', rows: ROWS - 2, columns: 2, textColumns: [] }]);
  const counted = `SELECT count(DISTINCT id)::INT, (count(*) FILTER (text LIKE '%efgh'))::INT FROM '${file}'`;
  expect(await query(counted)).toEqual([[ROWS - 2, CHANGED - 2]]);
}, 120_000);
