import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { createWarehouse } from './duckdb.ts';
import { column, dataset, EVERYTHING, never, OPTIONS, order, readAll, scratchDirectory } from './warehouse-fixture.ts';

/** Text that every row holds. */
const NEEDLE = 'needle-in-every-row';
const ROWS = 2_000_000;
const TABLE = `SELECT 'acme' AS tenant, i, md5(i::VARCHAR) || '${NEEDLE}' AS text FROM range(${ROWS}) AS r(i)`;
const COLUMNS = [column('i', 'integer'), column('text', 'text')];

/** No extension is installed in a home of our own, whatever the machine's has. */
const home = scratchDirectory(afterAll);
afterEach(() => vi.unstubAllEnvs());

/** The files below a directory. */
function filesBelow(path: string): readonly string[] {
  if (!existsSync(path)) return [];
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .map((name) => join(path, name))
    .filter((name) => statSync(name).isFile());
}

describe('a dataset that needs more memory than the limit', () => {
  it.each([
    ['sorts', '100MB', `${TABLE} ORDER BY text`],
    [
      'counts in windows',
      '100MB',
      `SELECT *, sum(i) OVER (PARTITION BY i % 1000 ORDER BY text) AS total FROM (${TABLE})`,
    ],
    // One hash table of this many groups does not fit into 100 MB, whether DuckDB spills or not.
    ['groups', '125MB', `SELECT tenant, text, count(*) AS i FROM (${TABLE}) GROUP BY ALL`],
  ])(
    'is read to the end when it %s, and spills no plain text',
    async (_, memory, sql) => {
      vi.stubEnv('HOME', home);
      const path = scratchDirectory();
      const warehouse = await createWarehouse({ ...OPTIONS, memory, threads: 0, tempDirectory: path });
      try {
        const content = warehouse.read(dataset({ sql, columns: COLUMNS }), order(), EVERYTHING, never);
        let seen = 0;
        let bytes = 0;
        for await (const chunk of content.chunks) {
          bytes += chunk.length;
          if (seen > 0) continue;
          const [own = ''] = readdirSync(path);
          expect(statSync(join(path, own)).mode & 0o777).toBe(0o700);
          const spilled = filesBelow(join(path, own, 'spill'));
          for (const file of spilled) {
            const text = readFileSync(file);
            seen += text.length;
            expect(text.includes(NEEDLE)).toBe(false);
          }
        }
        expect((await content.sum).rows).toBe(ROWS);
        expect(bytes).toBeGreaterThan(ROWS * NEEDLE.length);
        expect(seen).toBeGreaterThan(0);
      } finally {
        await warehouse.close();
      }
    },
    120_000,
  );

  it('is retryable when the disk is full', async () => {
    vi.stubEnv('HOME', home);
    const warehouse = await createWarehouse({
      ...OPTIONS,
      startupSql: "SET GLOBAL max_temp_directory_size = '1MB'",
      memory: '100MB',
      threads: 0,
      tempDirectory: scratchDirectory(),
    });
    const content = warehouse.read(
      dataset({ sql: `${TABLE} ORDER BY text`, columns: COLUMNS }),
      order(),
      EVERYTHING,
      never,
    );
    await expect(readAll(content)).rejects.toMatchObject({ code: 'disk_full' });
    await warehouse.close();
  }, 60_000);
});
