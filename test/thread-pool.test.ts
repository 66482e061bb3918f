import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type OwnServices, startOwnServices } from './context.ts';
import { ALWAYS, createDoorClient, type DoorClient } from './door.ts';

const ROWS = 400_000;
const CATALOG = `
datasets:
  - name: PARTS
    title: Twenty parts that fill their pipes
    doors: [on-demand]
    sql: >-
      SELECT 'dreambuilder' AS tenant, TIMESTAMP '2020-01-01' + to_seconds(i) AS created, repeat(md5(i::VARCHAR), 8) AS text
      FROM range(${ROWS}) AS r(i)
    tenant_column: tenant
    created_column: created
    columns: [created: timestamp, text: text]
`;

let folder: string;
let services: OwnServices;
let door: DoorClient;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'waybill-test-'));
  await writeFile(join(folder, 'catalog.yaml'), CATALOG);
  services = await startOwnServices({
    WAYBILL_CATALOG: join(folder, 'catalog.yaml'),
    WAYBILL_PART_ROWS: String(ROWS / 20),
    WAYBILL_WORKER_PARTS_MAX: '20',
    UV_THREADPOOL_SIZE: '4',
  });
  door = createDoorClient(services.url, 'dreambuilder');
});
afterAll(async () => {
  await services?.worker.kill('SIGKILL');
  await services?.stop();
  await rm(folder, { recursive: true, force: true });
});

it('writes more compressed parts at once than its thread pool was given threads', async () => {
  const id = await door.order({ ...ALWAYS, exportType: 'PARTS', format: 'CSV', compression: 'gzip' });
  expect(await door.ended(id, 60)).toMatchObject({ state: 'completed', progress: { rowsDone: ROWS } });
});
