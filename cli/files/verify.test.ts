import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Instant } from '../../contracts/instant.ts';
import { type Manifest, type ManifestPart, manifestSums, onlyFile } from '../../contracts/manifest.ts';
import { generateKey } from '../../streams/age/keys.ts';
import { type ExportFixture, makeExport } from './export-fixture.ts';
import { locateFiles, readManifest } from './locate.ts';
import { sumProblems, verifyFile } from './verify.ts';

const CONTENTS = [
  ['User ID\n1\n"a\nb"\n', 2],
  ['3\n', 1],
  ['', 0],
] as const;

function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-verify-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function saveParts({ manifest, stored }: ExportFixture): string {
  const directory = scratch();
  writeFileSync(join(directory, 'manifest.json'), JSON.stringify(manifest));
  for (const [index, part] of onlyFile(manifest).parts.entries()) {
    writeFileSync(join(directory, part.name), stored[index] ?? '');
  }
  return directory;
}

async function verify(path: string, identity?: string) {
  const { manifest, path: file } = readManifest(path);
  const verdicts = [];
  for (const located of locateFiles(manifest, file)) {
    verdicts.push(...(await verifyFile(manifest, located, { identity }, () => {})));
  }
  return verdicts.map(({ problems, rowsCounted }) => ({ problems, rowsCounted }));
}

const fine = (...rows: readonly (number | null)[]) => rows.map((rowsCounted) => ({ problems: [], rowsCounted }));

describe.each(['none', 'gzip', 'zstd'] as const)('an export with compression %s', (compression) => {
  test('holds as separate parts and as one file', async () => {
    const made = await makeExport(CONTENTS, { compression, recipients: [] });
    expect(await verify(saveParts(made))).toEqual(fine(2, 1, 0));
    const directory = scratch();
    writeFileSync(join(directory, 'renamed.manifest.json'), JSON.stringify(made.manifest));
    writeFileSync(join(directory, 'renamed'), Buffer.concat(made.stored));
    expect(await verify(directory)).toEqual(fine(2, 1, 0));
    writeFileSync(join(directory, 'renamed'), Buffer.concat([...made.stored, Buffer.from('x')]));
    expect((await verify(directory)).at(-1)?.problems[0]).toMatch(/^has \d+ bytes instead of \d+$/);
  });

  test('does not hold when a byte is changed, cut off or missing', async () => {
    const made = await makeExport(CONTENTS, { compression, recipients: [] });
    const directory = saveParts(made);
    const [part] = onlyFile(made.manifest).parts;
    const file = join(directory, part?.name ?? '');
    const [stored = Buffer.of()] = made.stored;
    const changed = Buffer.from(stored);
    changed.writeUInt8(changed.readUInt8(5) ^ 1, 5);
    writeFileSync(file, changed);
    expect((await verify(directory))[0]).toEqual({ problems: ['has another SHA-256'], rowsCounted: null });
    writeFileSync(file, stored.subarray(1));
    expect((await verify(directory))[0]?.problems[0]).toMatch(/instead of/);
    rmSync(file);
    expect((await verify(directory))[0]?.problems).toEqual(['is missing']);
  });
});

describe('a sealed export', () => {
  test('has its rows counted with the key only', async () => {
    const key = await generateKey({ postQuantum: false });
    const made = await makeExport([['User ID\n1\n', 1]], { compression: 'zstd', recipients: [key.recipient] });
    const directory = saveParts(made);
    expect(await verify(directory)).toEqual(fine(null));
    expect(await verify(directory, key.identity)).toEqual(fine(1));
    const other = await generateKey({ postQuantum: false });
    expect((await verify(directory, other.identity))[0]?.problems[0]).toMatch(/^cannot be opened/);
  });
});

describe('an opened file', () => {
  test.each(['gzip', 'zstd'] as const)('of compression %s has its content checked', async (compression) => {
    const made = await makeExport(CONTENTS, { compression, recipients: [] });
    const directory = scratch();
    const content = CONTENTS.map(([text]) => text).join('');
    writeFileSync(join(directory, 'users.csv.manifest.json'), JSON.stringify(made.manifest));
    writeFileSync(join(directory, 'users.csv'), content);
    expect(await verify(directory)).toEqual(fine(2, 1, 0));
    writeFileSync(join(directory, 'users.csv'), content.replace('1', '9'));
    expect((await verify(directory))[0]?.problems).toEqual(['holds content with another SHA-256']);
    writeFileSync(join(directory, 'users.csv'), `${content}x`);
    expect((await verify(directory))[0]?.problems).not.toEqual([]);
  });

  test('of a sealed export has its rows counted without the key', async () => {
    const { recipient } = await generateKey({ postQuantum: false });
    const made = await makeExport([['User ID\n1\n2\n', 2]], { compression: 'none', recipients: [recipient] });
    const directory = scratch();
    writeFileSync(join(directory, 'users.csv.manifest.json'), JSON.stringify(made.manifest));
    writeFileSync(join(directory, 'users.csv'), 'User ID\n1\n2\n');
    expect(await verify(directory)).toEqual(fine(2));
    writeFileSync(join(directory, 'users.csv'), 'User ID\n1234');
    expect((await verify(directory))[0]?.problems).toEqual(['holds 1 rows instead of 2']);
  });
});

describe('a manifest that lies', () => {
  const lie = (manifest: Manifest, more: Partial<ManifestPart>): Manifest => {
    const file = onlyFile(manifest);
    return { ...manifest, files: [{ ...file, parts: file.parts.map((part) => ({ ...part, ...more })) }] };
  };
  test.each([
    ['about rows', { rows: 9 }, 'rows'],
    ['about content', { contentBytes: 9 }, 'bytes of content'],
    ['about the hash of content', { contentSha256: '0'.repeat(64) }, 'another SHA-256'],
  ])('%s is reported', async (_, more, problem) => {
    const made = await makeExport([['User ID\n1\n', 1]], { compression: 'gzip', recipients: [] });
    const [verdict] = await verify(saveParts({ ...made, manifest: lie(made.manifest, more) }));
    expect(verdict?.problems.join()).toContain(problem);
  });

  test('about its sums is reported', async () => {
    const { manifest } = await makeExport(CONTENTS, { compression: 'none', recipients: [] });
    expect(sumProblems(manifest)).toEqual([]);
    expect(sumProblems({ ...manifest, rows: 4 })).toEqual(['The manifest has 4 rows; its files have 3.']);
    const file = { ...onlyFile(manifest), bytes: 1 };
    expect(sumProblems({ ...manifest, bytes: 1, files: [file] })).toEqual([
      `users.csv has 1 bytes; its parts have ${manifest.bytes}.`,
    ]);
  });
});

test.each<[readonly (readonly [string | null, string | null])[], readonly string[]]>([
  [[[null, null]], []],
  [
    [
      [null, 'b'],
      ['b', 'c'],
      ['c', null],
    ],
    [],
  ],
  [
    [
      [null, 'b'],
      ['c', null],
    ],
    ['users.csv begins at c; the file before it ends at b.'],
  ],
  [
    [
      [null, null],
      [null, null],
    ],
    ['users.csv begins at no time; the file before it ends at no time.'],
  ],
  [[['a', null]], ['users.csv begins at a; the file before it ends at no time.']],
  [[[null, 'b']], ['users.csv is the last, but ends at b.']],
])('slices %j tile, or it is reported', async (slices, problems) => {
  const { manifest } = await makeExport(CONTENTS, { compression: 'none', recipients: [] });
  const file = onlyFile(manifest);
  const files = slices.map(([from, to], place) => ({
    ...file,
    name: `users-${place}`,
    slice: { from: from as Instant | null, to: to as Instant | null },
  }));
  const summed = { ...manifest, files, ...manifestSums(files) };
  expect(sumProblems(summed)).toEqual(problems);
});

test.each([
  ['\uFEFFUser ID\n1\n', { bom: true }, 1],
  ['\uFEFF', { bom: true, header: false }, 0],
  ['1\n', { header: false }, 1],
  ['User ID\n', {}, 0],
])('the content %j with %j has %d rows', async (text, csv, rows) => {
  const made = await makeExport([[text, rows]], { compression: 'none', recipients: [], csv });
  expect(await verify(saveParts(made))).toEqual(fine(rows));
});

test('a directory without a manifest, or with several, is refused', () => {
  const directory = scratch();
  expect(() => readManifest(directory)).toThrow('no manifest');
  writeFileSync(join(directory, 'a.manifest.json'), '{}');
  expect(() => readManifest(directory)).toThrow('is not a manifest');
  writeFileSync(join(directory, 'b.manifest.json'), '{}');
  expect(() => readManifest(directory)).toThrow('several manifests');
});
