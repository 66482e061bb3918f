import { execa } from 'execa';
import { afterAll, expect, it } from 'vitest';
import { column, dataset, EVERYTHING, OPTIONS, order, scratchDirectory } from './warehouse-fixture.ts';

const tempDirectory = scratchDirectory(afterAll);

const COLUMNS = Array.from({ length: 20 }, (_, at) => column(`c${at}`, at % 2 === 0 ? 'integer' : 'text'));

/** @returns bytes of the peak of a process that reads so many rows as vectors. DuckDB computes them, so that it caches nothing */
async function readPeak(rows: number): Promise<number> {
  const values = COLUMNS.map(({ name, type }) => `${type === 'text' ? "'text of ' || range" : 'range'} AS ${name}`);
  const wide = dataset({ sql: `SELECT 'acme' AS tenant, ${values.join(', ')} FROM range(${rows})`, columns: COLUMNS });
  const { logger: _, onInvalid: __, ...options } = OPTIONS;
  const script = `
    import { createLogger } from ${module('../../config/logger.ts')};
    import { createWarehouse } from ${module('./duckdb.ts')};
    const warehouse = await createWarehouse({
      ...${JSON.stringify({ ...options, tempDirectory })}, logger: createLogger('test', 'silent'), onInvalid() {},
    });
    const { signal } = new AbortController();
    const asked = ${JSON.stringify([wide, order({ window: null }), EVERYTHING])};
    const content = warehouse.vectors(...asked, signal);
    let read = 0;
    for await (const chunk of content.chunks) read += chunk.rows;
    await warehouse.close();
    if (read !== ${rows}) throw new Error(read + ' rows were read');
    console.log(process.resourceUsage().maxRSS * 1024);`;
  const { stdout } = await execa(process.execPath, ['--input-type=module', '-e', script]);
  return Number(stdout);
}

function module(path: string): string {
  return JSON.stringify(new URL(path, import.meta.url).href);
}

it('takes no more memory for more rows', async () => {
  const [small, large] = [await readPeak(200_000), await readPeak(2_000_000)];
  expect(large - small).toBeLessThan(40_000_000);
}, 60_000);
