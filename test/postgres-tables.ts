import { tmpdir } from 'node:os';
import { Client } from 'pg';
import { expect } from 'vitest';
import type { Dataset } from '../config/dataset.ts';
import type { FileOrder } from '../contracts/order.ts';
import { getExtension } from '../stack/extensions.ts';
import { createWarehouse } from '../stores/warehouse/duckdb.ts';
import type { WarehouseOptions } from '../stores/warehouse/session.ts';
import type { Warehouse } from '../stores/warehouse/warehouse.ts';
import { never, OPTIONS, order, planFile, readAll } from '../stores/warehouse/warehouse-fixture.ts';
import { closeAtEnd } from './cleanup.ts';
import { attachPostgres, startPostgres } from './postgres-server.ts';

/** Plans and reads an export in its parts, JSONL of all time unless the fields say otherwise, and checks their sums. @returns its lines */
export type Exporting = (set: Dataset, fields: Partial<FileOrder>, partRows?: number) => Promise<readonly string[]>;

/** A warehouse of one PostgreSQL database, `wh`, with tables of a test. */
interface Attached {
  readonly client: Client;
  readonly options: WarehouseOptions;
  readonly warehouse: Warehouse;
  readonly exported: Exporting;
}

/** @param tables SQL of statements that end with a semicolon and a line break */
export async function attachTables(tables: string): Promise<Attached> {
  const report = () => undefined;
  const extension = await getExtension('postgres_scanner', { environment: process.env, report, signal: never });
  const server = await startPostgres();
  const url = new URL(await server.createDatabase());
  const client = new Client({ connectionString: url.href });
  await client.connect();
  closeAtEnd(() => client.end());
  for (const statement of tables.split(';\n')) await client.query(statement);
  // What the statements have read is counted now, not while a test counts.
  await client.query('SELECT pg_stat_force_next_flush()');
  const options = { ...OPTIONS, tempDirectory: tmpdir(), startupSql: attachPostgres(url, extension) };
  const warehouse = await createWarehouse(options);
  closeAtEnd(() => warehouse.close());

  const exported: Exporting = async (set, fields, partRows = 1_000_000) => {
    const wanted = { ...order({ format: 'jsonl' }), window: null, ...fields };
    const plan = await planFile(warehouse, set, wanted, partRows, never);
    const lines: string[] = [];
    for (const part of plan.parts) {
      const cut = { ...part, first: false, snapshotAt: plan.snapshotAt };
      const { text, rows, rowsHash } = await readAll(warehouse.read(set, wanted, cut, never));
      expect([rows, rowsHash]).toEqual([part.rows, part.rowsHash]);
      lines.push(...text.split('\n').slice(0, -1));
    }
    expect(lines).toHaveLength(plan.rows);
    return lines;
  };
  return { client, options, warehouse, exported };
}
