import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseIdentities, recipientOf } from '../streams/age/keys.ts';
import { readZip } from './archive.ts';
import { waybill } from './cli-run.ts';
import { type OwnServices, startOwnServices } from './context.ts';
import { createPeriodicClient, type PeriodicClient } from './periodic-client.ts';

const SECRET = 'acme-demo-secret';

let services: OwnServices;
let api: PeriodicClient;
let environment: Readonly<Record<string, string>>;
let directory: string;

beforeAll(async () => {
  services = await startOwnServices();
  api = createPeriodicClient(services.url, SECRET);
  environment = { WAYBILL_URL: services.url, WAYBILL_CLIENT_ID: 'acme', WAYBILL_CLIENT_SECRET: SECRET };
  directory = mkdtempSync(join(tmpdir(), 'waybill-cli-'));
});

afterAll(async () => {
  rmSync(directory, { recursive: true, force: true });
  await services?.stop();
});

const at = (name: string) => join(directory, name);
const periodic = (...args: readonly string[]) => waybill(['periodic', ...args], environment);
const read = (name: string) => readFileSync(at(name));

/** Each test goes on where the one before ended, as a user's day does. */
describe('the command line for periodic exports', () => {
  test('says that nothing was enabled', async () => {
    expect((await periodic('status')).output).toMatch(/^periodic +disabled\n$/);
    const { code, errors } = await periodic('download', 'user', '--sealed', '-o', directory);
    expect([code, errors]).toEqual([1, expect.stringContaining('not enabled')]);
    expect((await periodic('download-all', '--sealed', '--directory', at('none'))).code).toBe(1);
    expect(existsSync(at('none'))).toBe(false);
  });

  test('makes a key only where it can go', async () => {
    const { code, errors } = await periodic('enable');
    expect([code, errors]).toEqual([2, expect.stringContaining('--key-out')]);
    writeFileSync(at('taken.key'), 'mine');
    expect((await periodic('enable', '--key-out', at('taken.key'))).code).toBe(2);
    expect(read('taken.key').toString()).toBe('mine');
    expect((await api.status()).enabled).toBe(false);
  });

  test('enables with a key of this machine, and waits for the files', async () => {
    const enabled = await periodic('enable', '--key-out', at('first.key'), '--at', '03:00', '--wait');
    expect(enabled.errors).toMatch(/✓ \d+ files, [\d,]+ rows, read at 20/);
    expect(enabled.code).toBe(0);
    expect(statSync(at('first.key')).mode & 0o777).toBe(0o600);
    const view = await api.status();
    expect(view.recipient).toBe(await recipientOf(read('first.key').toString()));
    const identity = parseIdentities(read('first.key').toString())[0] ?? '';
    expect(`${enabled.output}${enabled.errors}${services.lines.join('\n')}`).not.toContain(identity);
    const { output } = await periodic('status');
    expect(output).toMatch(/runs +every day at 03:00, UTC/);
    expect(output).toMatch(/^user +[\d,]+ +\S+ \S+ +\S+ \S+$/m);
  });

  test('refuses to enable twice, and keeps no key of that', async () => {
    const { code, errors } = await periodic('enable', '--key-out', at('useless.key'));
    expect([code, errors]).toEqual([1, expect.stringContaining('enabled already')]);
    expect(existsSync(at('useless.key'))).toBe(false);
  });

  test('downloads one file, opened here, sealed, and typed', async () => {
    const key = ['--key-file', at('first.key')];
    const { code, output } = await periodic('download', 'user', ...key, '-o', directory, '--json');
    const { generation } = await api.status();
    expect(code).toBe(0);
    expect(JSON.parse(output)).toMatchObject({ file: at('user.csv'), generationId: generation?.generationId });
    expect((await periodic('download', 'user', '--sealed', '-o', directory)).code).toBe(0);
    const opened = await waybill(['open', at('user.csv.age'), ...key, '-o', at('opened.csv')], environment);
    expect([opened.code, read('opened.csv')]).toEqual([0, read('user.csv')]);
    const rows = generation?.files.find(({ file }) => file === 'user')?.rows ?? 0;
    expect(rows).toBeGreaterThan(0);

    expect((await periodic('download', 'user', '--type', 'json', ...key, '-o', at('texts.json'))).code).toBe(0);
    expect((await periodic('download', 'user', '--typed', ...key, '-o', at('typed.json'))).code).toBe(0);
    expect((await periodic('download', 'user', '--typed', '--sealed', '-o', directory)).code).toBe(0);
    await waybill(['open', at('user.typed.json.age'), ...key, '-o', at('user.typed.json')], environment);
    expect(read('user.typed.json')).toEqual(read('typed.json'));
    const [texts, typed] = ['texts.json', 'typed.json'].map((name) => JSON.parse(read(name).toString()));
    expect([texts.length, typed.length]).toEqual([rows, rows]);
    expect(String(typed[0].id)).toBe(texts[0].id);
    expect(typeof typed[0].id).toBe('number');
    expect((await periodic('download', 'user', ...key, '-o', directory)).code).toBe(2);
  });

  test('downloads all of them, into a directory and as a zip', async () => {
    const key = ['--key-file', at('first.key')];
    const { files } = await api.status();
    expect((await periodic('download-all', '--directory', at('all'), ...key)).code).toBe(0);
    const manifests = ['manifest.dsse.json', 'manifest.json'];
    expect(readdirSync(at('all')).sort()).toEqual([...files.map((file) => `${file}.csv`), ...manifests].sort());
    expect(readFileSync(join(at('all'), 'user.csv'))).toEqual(read('user.csv'));
    expect((await periodic('download-all', '--directory', at('all'), ...key)).code).toBe(2);
    expect((await periodic('download-all', '--directory', at('all'), ...key, '--force')).code).toBe(0);

    expect((await periodic('download-all', '-o', at('all.zip'), ...key)).code).toBe(0);
    const opened = await readZip(read('all.zip'));
    expect([opened.size, opened.get('user.csv')]).toEqual([files.length, read('user.csv')]);
    expect((await periodic('download-all', '-o', at('sealed.zip'), '--sealed')).code).toBe(0);
    const sealed = await readZip(read('sealed.zip'));
    expect([sealed.size, sealed.get('user.csv.age')]).toEqual([files.length, read('user.csv.age')]);
  });

  test('proves that all files are there, opened, sealed and typed', async () => {
    await waybill(['keygen', '-o', at('other.key')], environment);
    const key = ['--key-file', at('first.key')];
    const verify = (name: string, ...args: readonly string[]) => waybill(['verify', at(name), ...args], environment);
    const { generation, files } = await api.status();
    const told = `${files.length} csv files`;
    const rows = `${generation?.rows.toLocaleString('en-US')} rows counted`;
    const opened = await verify('all');
    expect([opened.code, opened.output]).toEqual([
      0,
      expect.stringMatching(new RegExp(`✓ ${told}.*opened[^]*${rows}`)),
    ]);

    expect((await periodic('download-all', '--directory', at('sealed'), '--sealed')).code).toBe(0);
    expect((await verify('sealed')).output).toMatch(new RegExp(`✓ ${told}.*SHA-256 hold\n!.*--key-file`));
    expect((await verify('sealed/manifest.json', ...key)).output).toMatch(new RegExp(`SHA-256 hold\n✓ ${rows}`));
    expect((await verify('sealed', '--key-file', at('other.key'))).code).toBe(1);

    const json = ['download-all', '--directory', at('sealed'), '--type', 'json'];
    expect((await periodic(...json, '--typed', ...key)).code).toBe(0);
    const both = await verify('sealed', ...key, '--json');
    expect(JSON.parse(both.output)).toMatchObject({ ok: true, formats: ['csv', 'typed-json'], rowsCounted: true });

    rmSync(join(at('all'), 'user.csv'));
    writeFileSync(join(at('sealed'), 'year.csv.age'), readFileSync(join(at('sealed'), 'user.csv.age')));
    expect(await verify('all')).toMatchObject({ code: 1, output: expect.stringContaining('✗ user.csv is missing') });
    expect(await verify('sealed')).toMatchObject({ code: 1, output: expect.stringContaining('✗ year.csv.age has ') });
  });

  test.each([
    ['a wrong key', ['user'], 1, 'The key does not open this file'],
    ['an unknown file', ['users'], 2, 'answerSetResult'],
  ])('leaves nothing of a download with %s', async (_, args, code, said) => {
    const answer = await periodic('download', ...args, '--key-file', at('other.key'), '-o', at('nothing.csv'));
    expect([answer.code, answer.errors]).toEqual([code, expect.stringContaining(said)]);
    expect(readdirSync(directory).filter((name) => name.startsWith('nothing'))).toEqual([]);
  });

  test('goes on with the key of before after a disable', async () => {
    expect((await periodic('disable')).code).toBe(0);
    expect((await periodic('status')).output).toMatch(/^periodic +disabled\n/);
    const before = (await api.status()).generation;
    const { code, errors } = await periodic('enable', '--key-out', at('unneeded.key'), '--wait');
    expect([code, errors]).toEqual([0, expect.stringContaining('the key you have')]);
    expect(existsSync(at('unneeded.key'))).toBe(false);
    const after = await api.status();
    expect(after.generation?.generationId).not.toBe(before?.generationId);
    expect(after.recipient).toBe(await recipientOf(read('first.key').toString()));
  });

  test('rotates: the new key opens the files, the old one none', async () => {
    expect((await periodic('rotate', '--key-out', at('second.key'), '--post-quantum', '--wait')).code).toBe(0);
    const old = await periodic('download', 'year', '--key-file', at('first.key'), '-o', directory);
    expect([old.code, existsSync(at('year.csv'))]).toEqual([1, false]);
    expect((await periodic('download', 'year', '--key-file', at('second.key'), '-o', directory)).code).toBe(0);
    expect(read('year.csv').toString()).toMatch(/^id,/);
  });

  test('prints a key that the server made, once', async () => {
    const { code, output } = await periodic('rotate', '--server-key');
    expect(code).toBe(0);
    expect(await recipientOf(output)).toBe((await api.status()).recipient);
    const again = await periodic('rotate', '--server-key', '--key-out', at('third.key'), '--json');
    expect(again.output).not.toContain('AGE-SECRET-KEY');
    expect(await recipientOf(read('third.key').toString())).toBe((await api.status()).recipient);
  });

  test('deletes only with --yes', async () => {
    expect((await periodic('disable', '--delete-settings')).code).toBe(2);
    expect((await api.status()).enabled).toBe(true);
    expect((await periodic('disable', '--delete-settings', '--yes')).code).toBe(0);
    expect(await api.status()).toMatchObject({ enabled: false, recipient: null, generation: null });
  });
});
