import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readZip } from './archive.ts';
import {
  type DescribedTable,
  describedAttachments,
  describedTables,
  expectDoFiles,
  expectStatistics,
  expectTab,
  openWarehouse,
  rowsOf,
} from './archive-tables.ts';
import { openBucket } from './bucket.ts';
import { useStack } from './context.ts';
import { createArchiveClient, GUID } from './questionnaires-set-up.ts';
import { type SavReader, startSavReader } from './sav-readers.ts';
import { startHavenReader, startReadstatArrow, throughPspp } from './statistics-readers.ts';

/** The farm survey of the demo's own warehouse, at the size that all tests have. */
const { settings, urls } = useStack();
const TENANT = 'dreambuilder';
const client = createArchiveClient(urls.api, TENANT);
const warehouse = await openWarehouse(settings.WAYBILL_WAREHOUSE_SQL ?? '');
const haven = startHavenReader();
let pyreadstat: SavReader;
let arrow: Awaited<ReturnType<typeof startReadstatArrow>>;
beforeAll(async () => {
  pyreadstat = await startSavReader();
  arrow = await startReadstatArrow();
});
afterAll(() => Promise.all([pyreadstat.close(), arrow.close(), haven.close()]));

const NONE = Buffer.from('no such object');

/** Makes an archive anew. */
async function make(type: string, id: string) {
  await client.start(type, id);
  expect(await client.idle(type, id)).toMatchObject({ HasExportedFile: true, ExportStatus: 'Finished' });
  return readZip(await client.download(type, id));
}

/** Members of an archive that are of a table, each with its extension. */
function filesOf(tables: readonly DescribedTable[], extensions: readonly string[]): readonly string[] {
  return tables.flatMap(({ name }) => extensions.map((extension) => `${name}${extension}`));
}

describe.each([1, 2])('version %i of the sample questionnaire', (version) => {
  const id = `${GUID}$${version}`;
  let tables: readonly DescribedTable[];
  let paradata: readonly DescribedTable[];
  beforeAll(async () => {
    const all = await describedTables(warehouse, 'warehouse.survey', GUID, version);
    tables = all.filter(({ part }) => part !== 'paradata');
    paradata = all.filter(({ part }) => part === 'paradata');
    expect([tables.length, paradata.length]).toEqual([version === 1 ? 10 : 11, 1]);
  });

  test('as text is what the warehouse has, table by table', async () => {
    const entries = await make('tabular', id);
    expect([...entries.keys()]).toEqual([...filesOf(tables, ['.tab', '.do', '-import.do']), ...['export__readme.txt']]);
    for (const table of tables) {
      const rows = await expectTab(warehouse, table, TENANT, entries);
      expect([table.name, rows]).not.toEqual([table.name, 0]);
      expectDoFiles(table, entries);
    }
  });

  test.each([
    ['spss', 'sav'],
    ['stata', 'dta'],
  ] as const)('for %s is what the warehouse has, with labels, missing values and dates', async (type, format) => {
    const entries = await make(type, id);
    expect([...entries.keys()]).toEqual([...filesOf(tables, [`.${format}`]), 'export__readme.txt']);
    const readers = {
      pyreadstat,
      'readstat-arrow': arrow,
      haven,
      ...(format === 'sav' && { pspp: throughPspp(pyreadstat) }),
    };
    for (const table of tables) {
      const rows = await expectStatistics(format, readers, warehouse, table, TENANT, entries);
      expect([table.name, rows]).not.toEqual([table.name, 0]);
    }
  });

  test('of attachments has each file that the warehouse lists, as it is in the bucket', async () => {
    const entries = await make('binary', id);
    const { WAYBILL_ATTACHMENTS_BUCKET: name = '' } = settings;
    const bucket = openBucket({ ...settings, WAYBILL_OBJECTS_BUCKET: name });
    const listed = await describedAttachments(warehouse, 'warehouse.survey', { id: GUID, version, tenant: TENANT });
    expect(new Set(listed.map(({ kind }) => kind))).toEqual(new Set(['picture', 'audio', 'audio-audit']));
    const paths = listed.map(
      ({ interview, kind, file }) => `${interview}/${kind === 'audio-audit' ? 'AudioAudit/' : ''}${file}`,
    );
    expect([...entries.keys()].toSorted()).toEqual(paths.toSorted());
    const objects = new Map<string, Buffer>();
    for (const key of new Set(listed.map(({ object }) => object))) {
      const bytes = await bucket.get(key);
      if (!bytes) throw new Error(`the bucket has no ${key}`);
      objects.set(key, Buffer.from(bytes));
    }
    // Otherwise one could stand for another.
    expect(new Set([...objects.values()].map(String)).size).toBe(objects.size);
    const differ = listed.filter(
      ({ object }, at) => !entries.get(paths[at] ?? '')?.equals(objects.get(object) ?? NONE),
    );
    expect(differ).toEqual([]);
  });

  test('of paradata is what the warehouse has, the events of each interview in order', async () => {
    const entries = await make('paradata', id);
    for (const table of paradata) await expectTab(warehouse, table, TENANT, entries);
    const [, ...rows] = rowsOf(entries, 'paradata.tab');
    const orders = Map.groupBy(rows, ([interview]) => interview);
    for (const events of orders.values())
      expect(events.map(([, order]) => Number(order))).toEqual(events.map((_, place) => place + 1));
  });
});
