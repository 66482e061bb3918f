import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Manifest } from '../../contracts/manifest.ts';
import { checkChain } from './chain.ts';
import { dayAt, writeManifest } from './chain-fixture.ts';
import { fourDays } from './four-days-fixture.ts';
import { findDays } from './tree.ts';

function edit(path: string, change: (manifest: Manifest) => Manifest): void {
  const manifest = JSON.parse(readFileSync(join(path, 'manifest.json'), 'utf8')) as Manifest;
  writeManifest(path, change(manifest));
}

type Place = ReturnType<typeof fourDays>;

test.each<[string, (place: Place) => void, string]>([
  ['a day is missing', ({ at }) => rmSync(at('02'), { recursive: true }), 'names a manifest that is not here'],
  ['a manifest is missing', ({ at }) => rmSync(at('02/manifest.json')), 'The manifest is missing.'],
  [
    'a manifest is altered',
    ({ at }) => edit(at('02'), (m) => ({ ...m, runId: '00000000-0000-4000-8000-000000000000' })),
    'a manifest was altered',
  ],
  ['a manifest is not JSON', ({ at }) => writeFileSync(at('02/manifest.json'), '{'), 'cannot be read'],
  [
    'days are swapped',
    ({ at }) => {
      renameSync(at('02'), at('09'));
      renameSync(at('03'), at('02'));
      renameSync(at('09'), at('03'));
    },
    'The manifest is of 2026-01-03, not of this day.',
  ],
  ['a day is repeated', ({ at }) => cpSync(at('04'), at('05'), { recursive: true }), 'The manifest is of 2026-01-04'],
  [
    'another tenant is mixed in',
    ({ root, at }) => {
      rmSync(at('03'), { recursive: true });
      const other = fourDays(undefined, 'other');
      cpSync(other.at('03'), join(root, '2026/01/03'), { recursive: true });
    },
    'is of tenant other, not of acme',
  ],
  ['a file is missing', ({ at }) => rmSync(at('02/user/user.csv')), 'user.csv is missing.'],
  ['keys are missing', ({ at }) => rmSync(at('02/user/user.deleted.csv')), 'user.deleted.csv is missing.'],
  [
    'a file is altered',
    ({ at }) => writeFileSync(at('02/user/user.csv'), 'id,text\n1,b\n'),
    'user.csv has another SHA-256.',
  ],
  [
    'a file is cut',
    ({ at }) => writeFileSync(at('02/user/user.csv'), 'id,text\n'),
    'user.csv has 8 bytes instead of 12.',
  ],
  [
    'a file is longer',
    ({ at }) => writeFileSync(at('02/user/user.csv'), 'id,text\n1,a\n2,b\n'),
    'has more than 12 bytes',
  ],
  ['rows are wrong', ({ at }) => edit(at('04'), (m) => recount(m, 7)), 'user.csv has 1 rows instead of 7.'],
  [
    'a hash is wrong',
    ({ at }) => writeFileSync(at('02/user/user.csv.sha256'), `${'0'.repeat(64)}  user.csv\n`),
    'holds another hash',
  ],
  ['a file is added', ({ at }) => writeFileSync(at('02/user/more.csv'), ''), 'user/more.csv is not in the manifest.'],
  [
    'a directory is added',
    ({ at }) => {
      mkdirSync(at('02/user/deep'));
    },
    'user/deep is not in the manifest.',
  ],
  [
    'a stray is added',
    ({ root }) => writeFileSync(join(root, '2026/notes.txt'), ''),
    '2026/notes.txt does not belong to any day.',
  ],
  [
    'a file is a link',
    ({ at }) => {
      rmSync(at('02/user/user.csv'));
      symlinkSync(at('03/user/user.csv'), at('02/user/user.csv'));
    },
    'is not a regular file',
  ],
  [
    'an entity is a link',
    ({ at }) => {
      renameSync(at('02/user'), at('../moved'));
      symlinkSync(at('../moved'), at('02/user'));
    },
    'user.csv is missing.',
  ],
  [
    'a dataset leads elsewhere',
    ({ at }) => edit(at('04'), (m) => ({ ...m, files: m.files.map((file) => ({ ...file, dataset: '../03/user' })) })),
    'a dataset that is not a name',
  ],
  [
    'a file name leads elsewhere',
    ({ at }) =>
      edit(at('04'), (m) => ({ ...m, files: m.files.map((file) => ({ ...file, file: '../user/user.csv' })) })),
    'cannot be read',
  ],
  [
    'a manifest of another kind',
    ({ at }) => edit(at('04'), (m) => ({ ...m, kind: 'periodic' })),
    'is not one of recurring exports',
  ],
  [
    'a manifest names nothing before it',
    ({ at }) =>
      edit(at('04'), (m) => ({ ...m, delivery: { day: dayAt(3), previous: null, replaces: [], missing: [] } })),
    'names no day before it',
  ],
  ['sums do not add up', ({ at }) => edit(at('04'), (m) => ({ ...m, rows: 99 })), 'has 99 rows; its files have'],
  [
    'deleted keys of another window',
    ({ at }) =>
      edit(at('04'), (m) => ({
        ...m,
        files: m.files.map((file) => (file.rowsWanted ? { ...file, load: 'complete' as const } : file)),
      })),
    'has deleted keys of another window',
  ],
])('%s: it is found and named', async (_, tamper, problem) => {
  const place = fourDays();
  tamper(place);
  const report = await checkChain(findDays(place.root), undefined);
  expect(report.ok).toBe(false);
  expect(report.problems.map(({ text }) => text)).toContainEqual(expect.stringContaining(problem));
});

function recount(manifest: Manifest, rows: number): Manifest {
  const files = manifest.files.map((file) =>
    file.name === 'user' ? { ...file, rows, parts: file.parts.map((part) => ({ ...part, rows })) } : file,
  );
  return { ...manifest, files, rows: files.reduce((sum, file) => sum + file.rows, 0) };
}

test('any byte of a manifest or file that is changed is found', async () => {
  const { root, at } = fourDays();
  const paths = ['01/manifest.json', '02/manifest.json', '02/user/user.csv', '03/event/event.deleted.csv'];
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...paths),
      fc.nat(),
      fc.integer({ min: 1, max: 255 }),
      async (path, place, bits) => {
        const bytes = readFileSync(at(path));
        const altered = Buffer.from(bytes);
        const index = place % bytes.length;
        altered.writeUInt8(altered.readUInt8(index) ^ bits, index);
        writeFileSync(at(path), altered);
        try {
          expect((await checkChain(findDays(root), undefined)).ok).toBe(false);
        } finally {
          writeFileSync(at(path), bytes);
        }
      },
    ),
    { numRuns: 100 },
  );
}, 120_000);
