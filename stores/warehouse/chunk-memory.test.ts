import { afterAll, expect, it } from 'vitest';
import { column, dataset, EVERYTHING, order, peakOf, scratchDirectory } from './warehouse-fixture.ts';

const tempDirectory = scratchDirectory(afterAll);

const COLUMNS = Array.from({ length: 20 }, (_, at) => column(`c${at}`, at % 2 === 0 ? 'integer' : 'text'));

/** @returns bytes of the peak of a process that reads so many rows as vectors. DuckDB computes them, so that it caches nothing */
async function readPeak(rows: number): Promise<number> {
  const values = COLUMNS.map(({ name, type }) => `${type === 'text' ? "'text of ' || range" : 'range'} AS ${name}`);
  const wide = dataset({ sql: `SELECT 'acme' AS tenant, ${values.join(', ')} FROM range(${rows})`, columns: COLUMNS });
  const script = `
    let read = 0;
    for await (const chunk of warehouse.vectors(...asked, signal).chunks) read += chunk.rows;
    if (read !== ${rows}) throw new Error(read + ' rows were read');`;
  return peakOf({ tempDirectory }, [wide, order({ window: null }), EVERYTHING], script);
}

it('takes no more memory for more rows', async () => {
  const [small, large] = [await readPeak(200_000), await readPeak(2_000_000)];
  expect(large - small).toBeLessThan(40_000_000);
}, 60_000);
