import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { onlyFile } from '../contracts/manifest.ts';
import { makeExport } from './files/export-fixture.ts';
import { makeGeneration } from './files/generation-fixture.ts';
import { run } from './program.ts';
import { createTerminal } from './screen/terminal.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'waybill-cli-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
});

async function waybill(args: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const [output, errors] = [new PassThrough(), new PassThrough()];
  const cli = {
    terminal: createTerminal(output, errors),
    environment,
    interruptible: () => new AbortController().signal,
  };
  const code = await run(args, cli, '1.2.3');
  return { code, output: String(output.read() ?? ''), errors: String(errors.read() ?? '') };
}

describe('the command line', () => {
  test.each([
    [['--help'], 0],
    [['--version'], 0],
    [['export', '--help'], 0],
    [[], 2],
    [['nonsense'], 2],
    [['export', 'USERS'], 2],
    [['export', 'USERS', '--from', 'a', '--to', 'b', '--format', 'xml'], 2],
    [['exports', 'list'], 2],
    [['exports', 'list', '--client-id', 'x'], 2],
    [['exports', 'list', '--client-id', 'x', '--secret-file', '/nowhere'], 2],
    [['exports', 'list', '--client-id', 'x', '--url', 'ftp://x'], 2],
    [['exports', 'list', '--client-id', 'x', '--limit', '0'], 2],
    [['periodic', 'enable', '--help'], 0],
    [['periodic', 'enable', '--client-id', 'x', '--at', '24:00'], 2],
    [['periodic', 'enable', '--client-id', 'x', '--time-zone', 'Europe/Nowhere'], 2],
    [['periodic', 'enable', '--client-id', 'x', '--seal', 'age1', '--key-out', 'k'], 2],
    [['periodic', 'rotate', '--client-id', 'x', '--seal', 'age1', '--post-quantum'], 2],
    [['periodic', 'disable', '--client-id', 'x', '--delete-settings'], 2],
    [['periodic', 'download', 'user'], 2],
    [['periodic', 'download', 'user', '--sealed', '--key-file', 'k'], 2],
    [['periodic', 'download', 'user', '--sealed', '--typed', '--type', 'csv'], 2],
    [['periodic', 'download', '../user', '--sealed'], 2],
    [['periodic', 'download', 'user', '--sealed', '--type', 'xml'], 2],
    [['periodic', 'download', 'user', '--key-file', '/nowhere'], 2],
    [['periodic', 'download-all', '--sealed'], 2],
    [['periodic', 'download-all', '--sealed', '--directory', 'x', '-o', 'y'], 2],
    [['tenant', 'list'], 2],
    [['tenant', 'limits', 'a', '--exports', 'many'], 2],
    [['open', '/nowhere.age', '--key-file', '/nowhere'], 2],
    [['verify', '/nowhere'], 2],
  ])('%j ends with %d, without a stack trace', async (args, expected) => {
    const { code, errors } = await waybill(args);
    expect(code).toBe(expected);
    expect(errors).not.toMatch(/\n\s+at /);
    if (expected === 2) expect(errors).not.toBe('');
  });

  test.each([
    ['exports', 'list'],
    ['periodic', 'status'],
    ['tenant', 'list'],
  ])('says that it cannot reach anybody: %s %s', async (...args) => {
    const { code, errors } = await waybill([...args, '--json'], {
      WAYBILL_CLIENT_SECRET: 'very-secret-text',
      WAYBILL_CLIENT_ID: 'x',
      WAYBILL_URL: 'http://127.0.0.1:1',
      WAYBILL_LEDGER_URL: 'postgres://root:very-secret-text@127.0.0.1:1/x',
    });
    expect(errors).not.toContain('very-secret-text');
    expect(JSON.parse(errors)).toMatchObject({ error: { exitCode: code } });
    expect(code).toBe(3);
  });
});

describe('a key', () => {
  test('is written once, for its owner alone', async () => {
    const file = join(directory, 'key.txt');
    const made = await waybill(['keygen', '-o', file]);
    expect(made.code).toBe(0);
    expect(made.output).toMatch(/^age1[a-z0-9]{58}\n$/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).toMatch(/^# created: \S+Z\n# public key: age1\w+\nAGE-SECRET-KEY-1\w+\n$/);
    expect((await waybill(['keygen', '-o', file])).code).toBe(2);
  });

  test('opens what was sealed to it, and nothing else does', async () => {
    const [key, other] = [join(directory, 'key.txt'), join(directory, 'other.txt')];
    const recipient = (await waybill(['keygen', '-o', key])).output.trim();
    await waybill(['keygen', '-o', other]);
    const { manifest, stored } = await makeExport([['id\n1\n', 1]], { compression: 'zstd', recipients: [recipient] });
    const sealed = join(directory, onlyFile(manifest).file);
    writeFileSync(sealed, Buffer.concat(stored));
    writeFileSync(`${sealed}.manifest.json`, JSON.stringify(manifest));

    expect((await waybill(['open', sealed, '--key-file', other, '--decompress'])).code).toBe(1);
    expect(existsSync(join(directory, 'users.csv'))).toBe(false);
    expect((await waybill(['open', sealed, '--key-file', key, '--decompress'])).code).toBe(0);
    expect(readFileSync(join(directory, 'users.csv'), 'utf8')).toBe('id\n1\n');
    const again = await waybill(['open', sealed, '--key-file', key, '--decompress']);
    expect([again.code, again.errors]).toEqual([2, expect.stringContaining('--force')]);
    const out = await waybill(['open', sealed, '--key-file', key, '--decompress', '-o', '-']);
    expect(out).toEqual({ code: 0, output: 'id\n1\n', errors: '' });

    const unopened = await waybill(['verify', directory]);
    expect([unopened.code, unopened.output]).toEqual([0, expect.stringContaining('not counted')]);
    const opened = await waybill(['verify', directory, '--key-file', key, '--json']);
    expect(JSON.parse(opened.output)).toMatchObject({ ok: true, rowsCounted: true, rows: 1 });
    writeFileSync(sealed, 'x');
    expect((await waybill(['verify', directory])).code).toBe(1);
  });

  test('verifies periodic files beside their manifest', async () => {
    const key = join(directory, 'key.txt');
    const recipient = (await waybill(['keygen', '-o', key])).output.trim();
    const { manifest, sealed } = await makeGeneration(recipient);
    writeFileSync(join(directory, 'manifest.json'), JSON.stringify(manifest));
    const nothing = await waybill(['verify', directory]);
    expect([nothing.code, nothing.output]).toEqual([
      1,
      expect.stringContaining('✗ None of its files is here: user.csv.age'),
    ]);

    for (const [name, bytes] of Object.entries(sealed)) writeFileSync(join(directory, name), bytes);
    const unopened = await waybill(['verify', directory]);
    expect([unopened.code, unopened.output]).toEqual([0, expect.stringContaining('not counted')]);
    const opened = await waybill(['verify', join(directory, 'manifest.json'), '--key-file', key, '--json']);
    expect(JSON.parse(opened.output)).toMatchObject({
      ...{
        runId: manifest.runId,
        ok: true,
        formats: ['csv', 'json', 'typed-json'],
        rowsCounted: true,
        rows: 2,
      },
    });
    rmSync(join(directory, 'year.csv.age'));
    const { code, output } = await waybill(['verify', directory, '--key-file', key]);
    expect([code, output]).toEqual([1, `✗ year.csv.age is missing\n1 problem in run ${manifest.runId}\n`]);
  });
});
