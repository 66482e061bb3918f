import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { daySeries, runPrefix } from '../contracts/keys.ts';
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

  test('what is delivered is proven over the API as in a directory, with signatures and without storing it', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'waybill-recurring-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const keys = join(directory, 'keys.json');
    writeFileSync(keys, await (await fetch(`${services.url}/.well-known/waybill-keys.json`)).text());
    const runs = JSON.parse((await recurring('runs', '--json')).output) as RecurringRunView[];
    const [run] = runs.filter(({ state }) => state === 'delivered');
    if (!run) throw new Error('there is no run');
    await fetchDay(run.day, join(directory, 'exports', TENANT));
    const local = await waybill(['verify', '--chain', join(directory, 'exports'), '--json'], {});
    const remote = await waybill(['verify', '--chain', services.url, '--json'], environment);
    expect([remote.code, JSON.parse(remote.output)]).toEqual([0, JSON.parse(local.output)]);
    const signed = await waybill(['verify', '--chain', services.url, '--keys', keys], environment);
    expect([signed.code, signed.output]).toEqual([
      0,
      expect.stringMatching(/^✓ user +complete[\s\S]*1 manifest signed with key [\s\S]*No problem in 1 day/),
    ]);

    const prefix = runPrefix({ kind: 'recurring', tenant: TENANT, runId: run.run_id });
    const [part = ''] = (await Array.fromAsync(objects.list(prefix))).flatMap(({ key }) =>
      /\/user-0/.test(key) ? [key] : [],
    );
    const content = (await objects.get(part)) ?? new Uint8Array();
    await objects.put(part, Buffer.from(content).fill('x', content.length - 2, content.length - 1), 'text/csv');
    const damaged = await waybill(['verify', '--chain', services.url], environment);
    await objects.put(part, content, 'text/csv');
    expect([damaged.code, damaged.output]).toEqual([
      1,
      expect.stringMatching(/^✗ user +breaks at [\s\S]*✗ .*user\.csv cannot be read: /),
    ]);
    expect(await waybill(['verify', '--chain', services.url], environment)).toMatchObject({ code: 0 });
  });

  test('an address that holds nothing, or does not let in, is told', async () => {
    const verify = (url: string, more: object = {}) => waybill(['verify', '--chain', url], { ...environment, ...more });
    const others = { WAYBILL_CLIENT_ID: 'acme', WAYBILL_CLIENT_SECRET: 'acme-demo-secret' };
    expect(await verify(services.url, others)).toMatchObject({
      code: 2,
      errors: expect.stringContaining('No recurring'),
    });
    expect((await verify(services.url, { WAYBILL_CLIENT_SECRET: 'wrong' })).code).toBe(3);
    expect((await verify('http://127.0.0.1:1')).code).toBe(3);
    expect(await verify('ftp://127.0.0.1')).toMatchObject({ code: 2, errors: expect.stringContaining('not an http') });
  });

  test('a day that was received is acknowledged; one that differs is named, audited and owed a notice', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'waybill-recurring-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const [run] = JSON.parse((await recurring('runs', '--json')).output) as RecurringRunView[];
    if (!run) throw new Error('there is no run');
    await fetchDay(run.day, directory);
    const file = join(directory, ...run.day.split('-'), 'user/user.csv');
    const content = readFileSync(file);
    const lastOf = async () => (JSON.parse((await recurring('runs', '--json')).output) as RecurringRunView[])[0];

    writeFileSync(file, 'id,text,created,modified\n');
    const differs = await recurring('ack', directory);
    expect([differs.code, differs.errors]).toEqual([1, expect.stringContaining('user has 3 rows; 0 were received.')]);
    expect((await lastOf())?.acknowledgement).toMatchObject({ matched: false, differences: [expect.any(String)] });
    expect(await ledger.notices.due(TENANT)).toMatchObject([
      { kind: 'ack_mismatch', runId: run.run_id, failure: { code: 'ack_mismatch' } },
    ]);

    writeFileSync(file, Buffer.from(content.toString().replace('row 2', 'row x')));
    expect((await recurring('ack', directory)).errors).toContain('user has another SHA-256 than was received.');
    rmSync(file);
    expect((await recurring('ack', directory)).errors).toContain('user was delivered, but is not acknowledged.');
    expect(await ledger.notices.due(TENANT), 'one notice a run').toHaveLength(1);

    writeFileSync(file, content);
    expect(await recurring('ack', directory, '--day', run.day, '--json')).toMatchObject({
      code: 0,
      output: expect.stringContaining('"status": "matched"'),
    });
    expect((await lastOf())?.acknowledgement).toMatchObject({ matched: true, differences: [] });
    expect((await recurring('ack', directory, '--day', '2001-01-01')).code).toBe(1);
    const others = { ...environment, WAYBILL_CLIENT_ID: 'acme', WAYBILL_CLIENT_SECRET: 'acme-demo-secret' };
    expect((await waybill(['recurring', 'ack', directory], others)).errors).toContain('There is no delivered run');
    const trail = await ledger.audit.list(TENANT, 20);
    const acks = trail.filter(({ action }) => action === 'recurring.acknowledged');
    expect(acks.map(({ detail }) => detail)).toEqual([
      { matched: true, entities: 2 },
      { matched: false, entities: 1 },
      ...[0, 1].map(() => ({ matched: false, entities: 2 })),
    ]);
  });

  test('a run that is not acknowledged in time owes one notice', async () => {
    await recurring('register', '--all', '--ack-hours', '1');
    await warehouse.write('user', [row(6, { created: now() })]);
    const run = JSON.parse((await recurring('run', '--wait', '--json')).output) as RecurringRunView;
    const hours = (count: number) => new Date(Date.parse(run.ended_at ?? '') + count * 3_600_000);
    expect(await ledger.runs.oweMissingAcknowledgements(hours(0.9))).toBe(0);
    expect(await ledger.runs.oweMissingAcknowledgements(hours(1))).toBe(1);
    expect(await ledger.runs.oweMissingAcknowledgements(hours(2))).toBe(0);
    expect(await ledger.notices.due(TENANT)).toContainEqual(
      expect.objectContaining({ kind: 'ack_missing', runId: run.run_id, failure: null }),
    );
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
    const newest = async () => (JSON.parse((await recurring('runs', '--json')).output) as RecurringRunView[])[0];
    const before = (await newest())?.run_id;
    // A request joins the run before, which did nothing, until that has closed.
    await expect
      .poll(async () => {
        await recurring('run');
        return (await newest())?.run_id;
      })
      .not.toBe(before);
    await expect.poll(async () => (await newest())?.state).toBe('delivered');
    expect((await newest())?.files[0]).toMatchObject({ entity: 'user', load: 'complete', window: { from: null } });
    expect((await recurring('show')).output).toMatch(/^user +active/m);
  });

  test('disables', async () => {
    expect((await recurring('register', '--disable')).errors).toContain('Exports are disabled.');
    expect((await recurring('show', '--inactive')).output).toMatch(/^user +inactive/m);
    expect((await recurring('run')).code).toBe(2);
  });
});
