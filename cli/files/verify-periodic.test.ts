import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { Manifest } from '../../contracts/manifest.ts';
import { generateKey } from '../../streams/age/keys.ts';
import { makeGeneration } from './generation-fixture.ts';
import { locateFiles, readManifest } from './locate.ts';
import { sumProblems, verifyFile } from './verify.ts';

const key = await generateKey({ postQuantum: false });
const { manifest, opened, sealed } = await makeGeneration(key.recipient);

let directory: string;
const save = (name: string, content: string | Uint8Array) => writeFileSync(join(directory, name), content);
const saveAll = (files: Readonly<Record<string, string | Uint8Array>>, type = '') => {
  for (const [name, content] of Object.entries(files)) if (name.includes(type)) save(name, content);
};

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'waybill-verify-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  save('manifest.json', JSON.stringify(manifest));
});

async function verify(identity?: string) {
  const read = readManifest(directory);
  const found: Record<string, unknown> = {};
  for (const located of locateFiles(read.manifest, read.path)) {
    for (const { name, problems, rowsCounted } of await verifyFile(read.manifest, located, { identity }, () => {})) {
      found[name] = problems.length > 0 ? problems.join('; ') : rowsCounted;
    }
  }
  return found;
}

describe('sealed files', () => {
  test('hold, and have their rows counted with the key only', async () => {
    saveAll(sealed);
    const rows = Object.fromEntries(
      ['csv', 'json', 'typed.json'].flatMap((type) => [
        [`user.${type}.age`, 2],
        [`year.${type}.age`, 0],
      ]),
    );
    expect(await verify()).toEqual(Object.fromEntries(Object.keys(rows).map((name) => [name, null])));
    expect(await verify(key.identity)).toEqual(rows);
  });

  test('hold under the names of the bucket as well', async () => {
    saveAll({ 'user-a1.csv.age': sealed['user.csv.age'] ?? '', 'year-a1.csv.age': sealed['year.csv.age'] ?? '' });
    expect(await verify(key.identity)).toEqual({ 'user-a1.csv.age': 2, 'year-a1.csv.age': 0 });
  });

  test('do not open with another key', async () => {
    saveAll(sealed, 'csv');
    const other = await generateKey({ postQuantum: false });
    expect(await verify(other.identity)).toMatchObject({ 'user.csv.age': expect.stringMatching(/^cannot be opened/) });
  });

  test('do not hold when one is altered, cut, longer, sealed anew or another one', async () => {
    const again = await makeGeneration(key.recipient);
    const whole = sealed['user.csv.age'] ?? Buffer.of();
    const altered = Buffer.from(whole);
    altered.writeUInt8(altered.readUInt8(whole.length - 1) ^ 1, whole.length - 1);
    for (const [damaged, problem] of [
      [altered, 'has another SHA-256'],
      [again.sealed['user.csv.age'] ?? '', 'has another SHA-256'],
      [whole.subarray(1), `has ${whole.length - 1} bytes instead of ${whole.length}`],
      [Buffer.concat([whole, Buffer.from('x')]), `has ${whole.length + 1} bytes instead of ${whole.length}`],
      [Buffer.of(), `has 0 bytes instead of ${whole.length}`],
    ] as const) {
      saveAll(sealed, 'csv');
      save('user.csv.age', damaged);
      expect(await verify()).toEqual({ 'user.csv.age': problem, 'year.csv.age': null });
    }
  });
});

describe('opened files', () => {
  test('hold without the key', async () => {
    saveAll(opened);
    const json = { 'user.json': 2, 'year.json': 0, 'user.typed.json': 2, 'year.typed.json': 0 };
    expect(await verify()).toEqual({ 'user.csv': 2, 'year.csv': 0, ...json });
  });

  test.each([
    ['user.csv', 'id,name\n', /^has 8 bytes instead of \d+$/],
    ['user.csv', 'id,name\n1,Ada2L__\n2,\n', /^$/],
    ['user.csv', 'id,name\n1,AdaL22\n2\n,\n', /^holds 3 rows instead of 2$/],
    ['user.json', '[\n\t{"id":"1","name":"}"}\n]\n', /^has 27 bytes instead of \d+$/],
    ['user.json', (opened['user.json'] ?? '').replace('}\n]', '}}]'), /^is not one whole JSON array$/],
    ['year.json', '[ ]]', /^is not one whole JSON array$/],
  ])('%s with %j is judged', async (name, content, problem) => {
    saveAll(opened);
    save(name, content);
    const { [name]: found } = await verify();
    expect(typeof found === 'string' ? found : '').toMatch(problem);
  });

  test('with typed values may have the name that the server gives them', async () => {
    const typed = opened['user.typed.json'] ?? '';
    save('user.json', typed);
    save('year.json', opened['year.typed.json'] ?? '');
    expect(await verify()).toEqual({ 'user.json': 2, 'year.json': 0 });
    save('user.json', typed.slice(0, -2));
    expect(await verify()).toMatchObject({ 'user.json': expect.stringMatching(/^has \d+ bytes instead/) });
    save('user.json', typed.replace('"}"},\n\t{"id":2,', `"}  ${' '.repeat(9)}",`));
    expect(await verify()).toMatchObject({ 'user.json': 'holds 1 rows instead of 2' });
  });
});

describe('what is missing', () => {
  test.each([
    ['user.csv', 'year.csv'],
    ['year.csv.age', 'user.csv.age'],
    ['user.json', 'year.json'],
    ['year.typed.json.age', 'user.typed.json.age'],
  ])('beside %s alone is %s', async (there, missing) => {
    save(there, opened[there] ?? sealed[there] ?? '');
    expect(Object.keys(await verify()).toSorted()).toEqual([there, missing].toSorted());
    expect(await verify()).toMatchObject({ [missing]: 'is missing' });
  });

  test('is no file of which one form is there; of both, each is checked', async () => {
    saveAll({ ...opened, ...sealed }, 'csv');
    rmSync(join(directory, 'year.csv.age'));
    save('user.csv.age', 'x');
    expect(await verify()).toEqual({
      'user.csv': 2,
      'user.csv.age': `has 1 bytes instead of ${sealed['user.csv.age']?.length}`,
      'year.csv': 0,
    });
  });

  test('is not asked about where nothing is there', async () => {
    expect(await verify()).toEqual({});
  });
});

test.each(['rows', 'bytes', 'contentBytes'] as const)('reports a manifest whose %s do not add up', (field) => {
  expect(sumProblems(manifest)).toEqual([]);
  const wrong: Manifest = { ...manifest, [field]: 1 };
  expect(sumProblems(wrong)).toEqual([`The manifest has 1 ${field}; its files have ${manifest[field]}.`]);
});

test('a manifest that is none is refused', () => {
  save('manifest.json', JSON.stringify({ ...manifest, files: [{ ...manifest.files[0], file: '../user' }] }));
  expect(() => readManifest(directory)).toThrow('is not a manifest');
  save('manifest.json', '{"kind":"periodic"}');
  expect(() => readManifest(directory)).toThrow('is not a manifest');
});
