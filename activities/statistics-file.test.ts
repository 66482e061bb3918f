import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { StatisticsFormat } from '../contracts/order.ts';
import { collect } from '../formats/table-fixture.ts';
import { EVERYTHING, never, order, TIMES, TIMES_TABLE, useWarehouse } from '../stores/warehouse/warehouse-fixture.ts';
import { statisticsContent } from './statistics-file.ts';

const { warehouse, scratch } = await useWarehouse(TIMES_TABLE);

async function fileOf(format: StatisticsFormat, directory: string): Promise<Buffer> {
  const place = { directory, signal: never };
  const content = statisticsContent(warehouse, TIMES, { ...order(), window: null, format }, EVERYTHING, place);
  content.sum.catch(() => undefined);
  return collect(content.chunks);
}

it.each([
  ['sav', '$FL2'],
  ['zsav', '$FL3'],
  ['dta', '<sta'],
] as const)('a file of %s begins as those do, and leaves no temporary file', async (format, magic) => {
  const before = await readdir(scratch);
  expect((await fileOf(format, scratch)).toString('latin1', 0, 4)).toBe(magic);
  expect(await readdir(scratch)).toEqual(before);
});

it('the blocks of a .zsav file wait in the directory for temporary files', async () => {
  const directory = join(scratch, 'none');
  await expect(fileOf('zsav', directory)).rejects.toMatchObject({
    code: 'ENOENT',
    path: expect.stringMatching(directory),
  });
  expect((await fileOf('sav', directory)).length).toBeGreaterThan(0);
});
