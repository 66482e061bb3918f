import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { ManifestMember } from '../../contracts/manifest.ts';
import { collect, pieces } from '../../streams/stream-fixture.ts';
import { zip } from '../../streams/zip.ts';
import { checkEntries } from './entries.ts';

const PASSWORD = 'correct horse battery';
const CONTENTS = new Map([
  ['household.tab', Buffer.from('id\r\n1\r\n')],
  ['noise.sav', randomBytes(300_000)],
  ['readme.txt', Buffer.alloc(0)],
]);

const members: readonly ManifestMember[] = [...CONTENTS].map(([name, content]) => ({
  ...{ name, rows: null, bytes: content.length },
  sha256: createHash('sha256').update(content).digest('hex'),
}));

/** @returns the path of an archive with these entries */
async function archiveOf(contents: ReadonlyMap<string, Buffer>, password?: string, change = (_bytes: Buffer) => {}) {
  const directory = mkdtempSync(join(tmpdir(), 'waybill-entries-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const entries = [...contents].map(([name, content]) => ({
    ...{ name, modifiedAt: new Date('2026-11-21T00:00:00Z'), bytesMax: content.length },
    open: () => pieces(content, [70_000]),
  }));
  const bytes = await collect(zip(entries, new AbortController().signal, { password }));
  change(bytes);
  const path = join(directory, 'archive.zip');
  writeFileSync(path, bytes);
  return path;
}

test.each([undefined, PASSWORD])('entries that match have no problems, with the password %s', async (password) => {
  const encryption = password === undefined ? undefined : 'aes-256';
  // Attachments are not listed.
  const path = await archiveOf(new Map([...CONTENTS, ['photo.jpg', randomBytes(10)]]), password);
  expect(await checkEntries(path, { members, encryption }, password)).toEqual([]);
});

test('what is missing, longer or different is named', async () => {
  const path = await archiveOf(
    new Map([
      ['household.tab', Buffer.from('id\r\n2\r\n')],
      ['noise.sav', Buffer.from('short')],
    ]),
  );
  expect(await checkEntries(path, { members, encryption: 'aes-256' }, PASSWORD)).toEqual([
    'holds household.tab, which is not encrypted',
    'holds household.tab with another SHA-256',
    'holds noise.sav, which is not encrypted',
    'holds noise.sav with 5 bytes instead of 300000',
    'does not hold readme.txt',
  ]);
});

test('a wrong password and a damaged entry are told apart', async () => {
  const wanted = { members, encryption: 'aes-256' } as const;
  const wrong = await checkEntries(await archiveOf(CONTENTS, PASSWORD), wanted, 'another password');
  expect(wrong).toEqual(['does not open with this password']);
  const damaged = await archiveOf(CONTENTS, PASSWORD, (bytes) => {
    bytes[100_000] = (bytes[100_000] ?? 0) ^ 1;
  });
  expect(await checkEntries(damaged, wanted, PASSWORD)).toEqual([expect.stringMatching(/^cannot be read: /)]);
  const cut = await archiveOf(CONTENTS, PASSWORD, (bytes) => void bytes.fill(0, bytes.length - 30));
  expect(await checkEntries(cut, wanted, PASSWORD)).toEqual([expect.stringMatching(/^cannot be read: /)]);
});
