import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { Client as Bucket } from 'minio';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import type { DestinationRequest } from '../contracts/views/destination.ts';
import { LOOPBACK } from '../stack/ports.ts';
import { createSupervisor } from '../stack/supervisor.ts';
import { startToxiproxy } from '../stack/toxiproxy.ts';
import { makeChangingWarehouse } from './changing-warehouse.ts';
import { closeAtEnd } from './cleanup.ts';
import { waybill } from './cli-run.ts';
import { openLedger, startOwnServices, useStack } from './context.ts';
import { QUIET } from './programs.ts';
import { createRecurringClient, openDelivered, type RecurringRun } from './recurring-client.ts';
import { findSecrets, formsOf, remainsInPostgres, remainsInTemporal } from './remains.ts';
import { startSshServer } from './ssh-server.ts';
import { openTemporal } from './temporal.ts';
import { waitUntil } from './wait-until.ts';

const warehouse = await makeChangingWarehouse(['user', 'user_login_events']);
const services = await startOwnServices({ ...warehouse.settings, WAYBILL_LOG_LEVEL: 'trace' });
const client = createRecurringClient(services.url);
const delivered = openDelivered(services.settings);
const ledger = openLedger(services.settings);
const server = await startSshServer();

/** Responses to whoever sets, shows and tests destinations. */
const answers: string[] = [];
const supervisor = createSupervisor({ line: () => undefined, crashed: () => undefined });
closeAtEnd(() => supervisor.stop());
const toxiproxy = await startToxiproxy({ ...QUIET, supervisor, environment: useStack().environment });
const slowPort = await toxiproxy.add('destination', `${LOOPBACK}:${server.port}`);

const SFTP = {
  ...{ kind: 'sftp', host: LOOPBACK, port: server.port, user: server.user, path: server.folder },
  ...{ hostKey: server.hostKeys.ed25519, privateKey: server.privateKey, template: '{year}/{month}/{day}/{entity}' },
} as const;

async function ask(method: string, path: string, body?: object) {
  const answer = await client.request(method, `/export/destination${path}`, body ? { body } : {});
  const text = await answer.text();
  answers.push(JSON.stringify([...answer.headers]), text);
  return { status: answer.status, body: JSON.parse(text) };
}
const set = async (destination: Partial<DestinationRequest> | object) =>
  expect((await ask('PUT', '', destination)).body).toMatchObject({ status: 'success' });

const deliveryOf = async ({ run_id }: RecurringRun) => (await ledger.deliveries.find(run_id))?.state;
async function expectDelivered(run: RecurringRun, seconds = 60): Promise<void> {
  expect(run).toMatchObject({ state: 'delivered' });
  await waitUntil(
    () => deliveryOf(run),
    (state) => state === 'delivered',
    seconds,
  );
}

const folderOf = ({ day }: RecurringRun) => join(server.folder, ...day.split('-'));
/** Paths of the files below a folder. */
const namesIn = async (folder: string) =>
  (await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []))
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1))
    .sort();
/** Of a file of the manifest: `user/user.deleted.csv`. */
const pathOf = (file: string) => `${file.split('.')[0]}/${file}`;
const isTemporary = (path: string) => basename(path).startsWith('.');
const withSums = (...paths: readonly string[]) => paths.flatMap((path) => [path, `${path}.sha256`]);
const row = (id: number, text = `row ${id}`) => ({
  ...{ id, text, created: '2024-05-01 10:00:00', modified: null, deleted: false },
});

async function runWith(rows: readonly ReturnType<typeof row>[]): Promise<RecurringRun> {
  await warehouse.write('user', rows);
  await client.register({ exportOption: 'disable export' });
  await client.register({ entityList: ['user', 'user login events'] });
  return client.run();
}

/** The manifest at the destination is that of the run, and every file that it lists is there, whole. */
async function expectWhole(run: RecurringRun): Promise<void> {
  const folder = folderOf(run);
  const manifest = await delivered.manifest(run.day);
  const pushed = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8'));
  expect(pushed).toEqual(JSON.parse(JSON.stringify(manifest)));
  for (const { file, sha256 } of manifest.files) {
    const bytes = await readFile(join(folder, pathOf(file)));
    expect(createHash('sha256').update(bytes).digest('hex'), file).toBe(sha256);
    expect(await readFile(join(folder, `${pathOf(file)}.sha256`), 'utf8')).toBe(`${sha256}  ${file}\n`);
  }
}

describe('files of a run', () => {
  test('are delivered over SFTP, replaced by those of the next run of the day, and split where they are large', async () => {
    await set(SFTP);
    expect((await ask('POST', '/test')).body).toMatchObject({ status: 'success', result: { replaces: 'at-once' } });
    expect(await readdir(server.folder)).toEqual([]);
    const first = await runWith([row(1), row(2)]);
    await expectDelivered(first);
    await expectWhole(first);
    const logins = ['user_login_events/user_login_events.csv', 'user_login_events/user_login_events.deleted.csv'];
    const names = ['manifest.json', ...withSums('user/user.csv', 'user/user.deleted.csv', ...logins)];
    expect(await namesIn(folderOf(first))).toEqual(names.sort());

    const verified = await waybill(['verify', '--chain', server.folder], {});
    expect(verified.code, verified.errors).toBe(0);

    await set({ ...SFTP, rowsPerFile: 2 });
    const text = '"with\na line break and ""quotes"""';
    const second = await runWith([row(1, text), row(2), row(3, text)]);
    await expectDelivered(second);
    const split = ['user/user_0001.csv', 'user/user_0002.csv'];
    const now = ['manifest.json', ...withSums('user/user.deleted.csv', ...split, ...logins)];
    expect(await namesIn(folderOf(second))).toEqual(now.sort());
    await promisify(execFile)('sha256sum', ['--strict', '--check', 'user_0002.csv.sha256'], {
      cwd: join(folderOf(second), 'user'),
    });
    const whole = await delivered.file(second.day, 'user.csv');
    const header = 'id,text,created,modified\n';
    const pieces = await Promise.all(split.map((path) => readFile(join(folderOf(second), path), 'utf8')));
    expect(pieces.every((piece) => piece.startsWith(header))).toBe(true);
    expect(header + pieces.map((piece) => piece.slice(header.length)).join('')).toBe(whole);
    const proven = await waybill(['verify', '--chain', server.folder], {});
    expect([proven.code, proven.output]).toEqual([0, expect.stringContaining('✓ user ')]);

    const shown = (await ask('GET', '')).body.result;
    expect(shown.destination).toMatchObject({ kind: 'sftp', rows_per_file: 2, template: SFTP.template });
    expect(shown.destination.host_key).toMatch(/^SHA256:/);
    expect(shown.last_delivery).toMatchObject({
      run_id: second.run_id,
      day: second.day,
      state: 'delivered',
      error: null,
    });
  });

  test('are delivered to a bucket', async () => {
    const { WAYBILL_OBJECTS_URL: endpoint, WAYBILL_OBJECTS_ACCESS_KEY: accessKey, ...settings } = services.settings;
    const secretKey = settings.WAYBILL_OBJECTS_SECRET_KEY;
    const bucket = `push-${randomUUID()}`;
    const { hostname: endPoint, port } = new URL(endpoint);
    const theirs = new Bucket({
      endPoint,
      port: Number(port),
      useSSL: false,
      region: 'us-east-1',
      accessKey,
      secretKey,
    });
    await theirs.makeBucket(bucket, 'us-east-1');
    const template = '{entity}/{date}';
    await set({ kind: 's3', endpoint, bucket, prefix: '/in/', addressing: 'path', accessKey, secretKey, template });
    expect((await ask('POST', '/test')).status).toBe(200);
    const run = await runWith([row(1), row(2)]);
    await expectDelivered(run);
    const keys: string[] = [];
    for await (const { name } of theirs.listObjectsV2(bucket, '', true)) keys.push(name);
    const { day } = run;
    const paths = ['user', 'user_login_events'].flatMap((entity) =>
      ['csv', 'deleted.csv'].map((ending) => `in/${entity}/${day}/${entity}.${ending}`),
    );
    expect(keys.sort()).toEqual([`in/manifest-${day}.json`, ...withSums(...paths)].sort());
    const object = await theirs.getObject(bucket, `in/user/${day}/user.csv`);
    expect(Buffer.concat(await object.toArray()).toString()).toBe(await delivered.file(day, 'user.csv'));
  });

  test('wait for a destination that is mended, and those of an older run of the day are skipped', async () => {
    const other = await startSshServer();
    await set({ ...SFTP, hostKey: other.hostKeys.ed25519 });
    expect(await ask('POST', '/test')).toMatchObject({ status: 502, body: { code: 'host_key_mismatch' } });
    const first = await runWith([row(1)]);
    expect(first.state).toBe('delivered');
    await waitUntil(
      () => ledger.deliveries.find(first.run_id),
      (delivery) => (delivery?.attempts ?? 0) > 0,
      30,
    );
    const second = await runWith([row(1), row(2)]);
    await waitUntil(
      () => deliveryOf(first),
      (state) => state === 'skipped',
      60,
    );
    expect(await deliveryOf(second)).toBe('pending');
    await set(SFTP);
    await expectDelivered(second, 120);
    await expectWhole(second);
    expect(second.state).toBe('delivered');
  });

  test('that nobody has started to deliver are delivered by the reconciler', async () => {
    const run = await runWith([row(1)]);
    await expectDelivered(run);
    await rm(folderOf(run), { recursive: true });
    const db = new pg.Client({ connectionString: services.settings.WAYBILL_LEDGER_URL });
    await db.connect();
    closeAtEnd(() => db.end());
    await db.query(
      `update deliveries set state = 'pending', ended_at = null, created_at = now() - interval '5 minutes' where run_id = $1`,
      [run.run_id],
    );
    const temporal = await openTemporal(services.settings);
    const reconcile = { workflowId: `reconcile-${randomUUID()}`, taskQueue: 'waybill', args: [] };
    expect(await temporal.client.workflow.execute('reconcile', reconcile)).toMatchObject({ deliveries: 1 });
    await expectDelivered(run);
    await expectWhole(run);
  });
});

describe('a worker that is killed while it delivers', () => {
  test('leaves no part of a file under its name, and another one delivers the rest', async () => {
    await set({ ...SFTP, port: slowPort });
    await rm(server.folder, { recursive: true, force: true });
    // 8 MB a file at 2 MB a second.
    await toxiproxy.disturb('destination', { type: 'bandwidth', rate: 2_000 }, ['to-server']);
    const rows = Array.from({ length: 8_000 }, (_, id) => row(id, `${id}`.padEnd(1_000, 'x')));
    await warehouse.write('user_login_events', rows);
    const run = await runWith(rows);
    const folder = folderOf(run);
    let worker = services.worker;
    for (const [time, bytes] of [200_000, 5_000_000].entries()) {
      await waitUntil(
        () => largestPart(folder),
        (size) => size > bytes,
        60,
      );
      await worker.kill('SIGKILL');
      const names = await namesIn(folder);
      expect(names).not.toContain('manifest.json');
      for (const name of names.filter((each) => each.endsWith('.csv') && !isTemporary(each))) {
        const expected = await delivered.file(run.day, basename(name));
        expect(await readFile(join(folder, name), 'utf8'), name).toBe(expected);
      }
      expect(names.some(isTemporary)).toBe(true);
      worker = await services.startWorker(`another-${time}`);
    }
    await toxiproxy.calm('destination');
    await expectDelivered(run, 120);
    await expectWhole(run);
    expect((await namesIn(folder)).filter(isTemporary)).toEqual([]);
  });
});

/** Size of the largest temporary file, in bytes. */
async function largestPart(folder: string): Promise<number> {
  const parts = (await namesIn(folder)).filter(isTemporary);
  const sizes = await Promise.all(
    parts.map(async (name) => (await stat(join(folder, name)).catch(() => null))?.size ?? 0),
  );
  return Math.max(0, ...sizes);
}

test('credentials of destinations are in no history, log, table or answer', async () => {
  await set({ ...SFTP, privateKey: undefined, password: 'a-password-to-look-for-7c1e' });
  expect(await ask('POST', '/test')).toMatchObject({ status: 502, body: { code: 'destination_login' } });
  expect((await ask('PUT', '', { ...SFTP, privateKey: 'a-key-to-look-for-93bd' })).status).toBe(400);
  expect((await ask('PUT', '', { ...SFTP, secretKey: 'a-key-to-look-for-93bd' })).status).toBe(400);
  const wrong = { accessKey: 'an-access-key-to-look-for', secretKey: 'a-secret-key-to-look-for-41aa' };
  const endpoint = services.settings.WAYBILL_OBJECTS_URL;
  await set({ kind: 's3', endpoint, bucket: 'some-bucket', addressing: 'path', ...wrong });
  expect(await ask('POST', '/test')).toMatchObject({ status: 502, body: { code: 'destination_login' } });
  expect((await ask('DELETE', '')).body).toMatchObject({ result: { removed: true } });
  expect((await ask('GET', '')).status).toBe(404);
  const remains = new Map([
    ...(await remainsInTemporal(services.settings)),
    ...(await remainsInPostgres(services.settings.WAYBILL_LEDGER_URL)),
    ['log', Buffer.from(services.lines.join('\n'))] as const,
    ['answers', Buffer.from(answers.join('\n'))] as const,
  ]);
  const places = [...remains.keys()];
  expect(places.some((place) => place.startsWith('history push|dreambuilder|'))).toBe(true);
  expect(remains.get('log')?.length).toBeGreaterThan(1000);
  const keyLine = server.privateKey.split('\n')[3] ?? '';
  const secrets = [keyLine, 'a-password-to-look-for-7c1e', 'a-key-to-look-for-93bd'];
  secrets.push(...Object.values(wrong), services.settings.WAYBILL_SECRETS_KEY ?? '');
  for (const secret of secrets) expect(secret.length).toBeGreaterThan(15);
  expect(
    findSecrets(
      remains,
      secrets.map((secret, place) => [`secret ${place}`, formsOf(secret)]),
    ),
  ).toEqual([]);
});
