import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { daySeries } from '../contracts/keys.ts';
import type { RecurringRunView } from '../contracts/views/recurring.ts';
import { openManifest } from '../stores/objects/manifests.ts';
import { openBucket } from './bucket.ts';
import { type ChangingRow, makeChangingWarehouse } from './changing-warehouse.ts';
import { waybill } from './cli-run.ts';
import { openLedger, startOwnServices } from './context.ts';

const TENANT = 'dreambuilder';
const warehouse = await makeChangingWarehouse(['user', 'user_login_events']);
const services = await startOwnServices(warehouse.settings);
const ledger = openLedger(services.settings);
const objects = openBucket(services.settings);
const environment = {
  WAYBILL_URL: services.url,
  WAYBILL_CLIENT_ID: TENANT,
  WAYBILL_CLIENT_SECRET: `${TENANT}-demo-secret`,
  WAYBILL_LEDGER_URL: services.settings.WAYBILL_LEDGER_URL,
};
const recurring = (...args: readonly string[]) => waybill(['recurring', ...args], environment);

const row = (id: number, fields: Partial<ChangingRow> = {}): ChangingRow => ({
  ...{ id, text: `row ${id}`, created: '2024-05-01 10:00:00', modified: null, deleted: false },
  ...fields,
});
const now = () => new Date().toISOString().replace('Z', '').replace('T', ' ');

/** Saves a delivered day as a gateway serves it. */
async function fetchDay(day: string, directory: string): Promise<void> {
  const run = await ledger.runs.current(TENANT, daySeries('recurring', TENANT, day));
  if (!run) throw new Error(`nothing is delivered of ${day}`);
  const { manifest, prefix, bytes } = await openManifest(objects, run);
  const save = (path: string, content: Uint8Array) => {
    const file = join(directory, ...day.split('-'), path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  };
  save('manifest.json', bytes);
  for (const file of manifest.files) {
    const chunks: Uint8Array[] = [];
    for (const part of file.parts) {
      for await (const chunk of objects.read(prefix + part.name, undefined, new AbortController().signal)) {
        chunks.push(Buffer.from(chunk));
      }
    }
    save(`${file.dataset}/${file.file}`, Buffer.concat(chunks));
  }
}

/** Each test goes on where the one before ended. */
describe('the command line for recurring exports', () => {
  test('says what is wrong with a request', async () => {
    expect((await recurring('show')).errors).toContain('No entity is registered.');
    expect((await recurring('register')).code).toBe(2);
    expect((await recurring('register', '--all', '--disable')).code).toBe(2);
    const unknown = await recurring('register', '--entities', 'users');
    expect([unknown.code, unknown.errors]).toEqual([2, expect.stringContaining('There is no entity "users"')]);
    expect((await recurring('run')).code).toBe(2);
    expect((await recurring('full-load', '--all')).code).toBe(1);
  });

  test('registers, runs and shows how far each entity is delivered', async () => {
    await warehouse.write('user', [row(1), row(2), row(3, { deleted: true })]);
    const registered = await recurring('register', '--entities', 'user,user login events', '--frequency', 'weekly');
    expect([registered.code, registered.errors]).toEqual([0, expect.stringContaining('Registered for weekly exports')]);
    const run = await recurring('run', '--wait');
    expect([run.code, run.output]).toEqual([0, expect.stringMatching(/delivered[\s\S]*user +complete +the first row/)]);
    expect((await recurring('show')).output).toMatch(/^user +active +20\d\d-.* weekly$/m);
    expect((await recurring('runs')).output).toMatch(/^20\d\d-\d\d-\d\d +delivered/m);
  });

  test('waits for a run that a script started, and for one that makes a day again', async () => {
    await warehouse.write('user', [row(1, { modified: now() }), row(2), row(4, { created: now() })]);
    const { code, output } = await recurring('run', '--wait', '--json');
    const run = JSON.parse(output) as RecurringRunView;
    expect([code, run.state, run.files.map(({ entity }) => entity)]).toEqual([
      ...[0, 'delivered'],
      ['user', 'user login events'],
    ]);
    expect((await recurring('run', '--day', run.day, '--wait')).code).toBe(0);
    expect((await recurring('run', '--day', '2001-01-01')).errors).toContain('Nothing is delivered of 2001-01-01.');
    expect((await recurring('run', '--day', 'today')).code).toBe(2);
    const full = await recurring('full-load', '--entities', 'user');
    expect([full.code, full.errors]).toEqual([0, expect.stringContaining('The next run loads them completely: user.')]);
    expect((await recurring('show')).output).toMatch(/^user +active .* complete load$/m);
  });

  test('what is fetched is proven, and composed', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'waybill-recurring-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const runs = JSON.parse((await recurring('runs', '--json')).output) as RecurringRunView[];
    const days = new Set(runs.filter(({ state }) => state === 'delivered').map(({ day }) => day));
    for (const day of days) await fetchDay(day, join(directory, 'exports', TENANT));
    const verified = await waybill(['verify', '--chain', directory], environment);
    expect([verified.code, verified.output]).toEqual([
      0,
      expect.stringMatching(/user +complete from the beginning[\s\S]*No problem/),
    ]);
    const file = join(directory, 'user.duckdb');
    const composed = await waybill(['compose', directory, '-o', file, '--json'], environment);
    expect(JSON.parse(composed.output)).toMatchObject({
      entities: [
        { entity: 'user', rows: 3, columns: 4, textColumns: [] },
        { entity: 'user_login_events', rows: 0 },
      ],
    });
  });

  test('shows the columns of each entity, and accepts only what is held', async () => {
    const shown = await waybill(['schema', 'show', TENANT], environment);
    expect(shown.output).toMatch(/^user +active .* id integer, text text, created timestamp, modified timestamp$/m);
    const refused = await waybill(['schema', 'accept', TENANT, 'user'], environment);
    expect([refused.code, refused.errors]).toEqual([1, expect.stringContaining('is not held')]);
    expect((await waybill(['schema', 'accept', 'nobody', 'user'], environment)).code).toBe(1);
    expect((await waybill(['schema', 'show', 'nobody'], environment)).code).toBe(1);
  });

  test('an entity is held when a type changes, until the operator accepts it', async () => {
    await warehouse.describe({ user: '[id: text, text: text, created: timestamp, modified: timestamp]' });
    await services.worker.stop();
    await services.startWorker('worker-with-another-catalog');
    await warehouse.write('user', [row(5, { created: now() })]);
    expect((await recurring('run')).code).toBe(0);
    await expect
      .poll(async () => (await recurring('show')).output)
      .toMatch(/^user +held[\s\S]*✗ user: user is held: column id was integer and is text/m);
    expect((await waybill(['schema', 'show', TENANT], environment)).output).toMatch(/^user +held/m);
    const accepted = await waybill(['schema', 'accept', TENANT, 'user', '--load', 'delta'], environment);
    expect([accepted.code, accepted.errors]).toEqual([0, expect.stringContaining('it continues where it stopped')]);
    expect((await recurring('run', '--wait')).output).toMatch(/^user +complete +the first row/m);
    expect((await recurring('show')).output).toMatch(/^user +active/m);
  });

  test('disables', async () => {
    expect((await recurring('register', '--disable')).errors).toContain('Exports are disabled.');
    expect((await recurring('show', '--inactive')).output).toMatch(/^user +inactive/m);
    expect((await recurring('run')).code).toBe(2);
  });
});
