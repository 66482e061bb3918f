import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type ExportFixture, makeExport } from '../../../cli/files/export-fixture.ts';
import { generateKey } from '../../../streams/age/keys.ts';
import { createSigner, envelopeOf } from '../../../streams/signing.ts';
import type { Verified } from './tasks.ts';
import { verifyFiles } from './verify.ts';

const { recipient } = await generateKey({ postQuantum: false });
const signer = createSigner(
  generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
);
const PARTS = [
  ['id\n1\n2\n', 2],
  ['3\n', 1],
  ['4\n5\n', 2],
] as const;

const open = await makeExport(PARTS, { compression: 'none', recipients: [] });
const packed = await makeExport(PARTS, { compression: 'gzip', recipients: [] });
const sealed = await makeExport(PARTS, { compression: 'none', recipients: [recipient] });

const file = (name: string, ...parts: readonly Uint8Array[]) => new File(parts as Uint8Array<ArrayBuffer>[], name);
const whole = ({ manifest, stored }: ExportFixture, name = manifest.files[0]?.file ?? '') => file(name, ...stored);
const text = (content: string) => new TextEncoder().encode(content);

function proof({ manifest }: ExportFixture): readonly File[] {
  const bytes = text(JSON.stringify(manifest));
  const envelope = envelopeOf(bytes, signer.sign(bytes));
  return [file('manifest.json', bytes), file('manifest.dsse.json', text(JSON.stringify(envelope)))];
}

function verify(files: readonly File[], readKeys = async () => [signer.publicKey]): Promise<Verified> {
  return verifyFiles(files, { signal: new AbortController().signal, onProgress: () => undefined, readKeys });
}

const results = ({ findings }: Verified) => findings.map(({ check, result }) => `${check}: ${result}`);

describe('a file', () => {
  it.each([
    ['is compared whole', open, whole(open), ['users.csv: Unchanged']],
    [
      'may be a single part',
      open,
      file('part-00001-a1.csv', open.stored[1] ?? text('')),
      ['part-00001-a1.csv: Unchanged'],
    ],
    [
      'may have been numbered by the browser',
      sealed,
      whole(sealed, 'users.csv (2).age'),
      ['users.csv (2).age: Unchanged'],
    ],
    ['of any name is known by its size if it is the only one', sealed, whole(sealed, 'x'), ['x: Unchanged']],
    ['of another size is not', sealed, file('x', text('y')), ['x: Not listed', 'Other files: 1 not here']],
    [
      'that was decompressed has a hash too',
      packed,
      file('users.csv', ...PARTS.map(([part]) => text(part))),
      ['users.csv: Unchanged'],
    ],
    [
      'that was unsealed has none',
      sealed,
      file('users.csv', ...PARTS.map(([part]) => text(part))),
      ['users.csv: Size only'],
    ],
  ])('%s', async (_, { manifest }, given, expected) => {
    const verified = await verify([...proof({ manifest, stored: [] }), given]);
    expect(results(verified)).toEqual(['Signature: Valid', ...expected]);
    expect(verified.outcome).toBe(expected.length === 1 && expected[0]?.endsWith('Unchanged') ? 'valid' : 'unknown');
  });

  it('that was changed names the part', async () => {
    const stored = open.stored.map((bytes) => Buffer.from(bytes));
    stored[1]?.write('7');
    const verified = await verify([...proof(open), whole({ ...open, stored })]);
    expect(verified).toMatchObject({ outcome: 'invalid', title: 'Not as it was written' });
    expect(verified.findings[1]).toMatchObject({
      result: 'Changed',
      detail: 'Another SHA-256 in part-00001-a1.csv (1 of 3\u00A0parts)',
    });
  });

  it.each([
    ['Too short', open.stored.slice(0, 2)],
    ['Too long', [...open.stored, text('6\n')]],
  ])('of a wrong length is told: %s', async (result, stored) => {
    const verified = await verify([...proof(open), file('users.csv', ...stored)]);
    expect(verified).toMatchObject({ outcome: 'invalid', findings: [{ result: 'Valid' }, { result }] });
  });
});

it('keys that cannot be loaded are no verdict', async () => {
  const verified = await verify([...proof(open), whole(open)], () => Promise.reject(new TypeError('offline')));
  expect(results(verified)).toEqual(['Signature: Not checked', 'users.csv: Unchanged']);
  expect(verified.outcome).toBe('unknown');
});

it('a key of somebody else signs nothing', async () => {
  const verified = await verify([...proof(open), whole(open)], async () => []);
  expect(verified).toMatchObject({ outcome: 'invalid', findings: [{ result: 'Not valid' }, { result: 'Unchanged' }] });
});

it('tells the recipients that the manifest has', async () => {
  expect((await verify(proof(sealed))).recipients).toEqual([['users.csv.age', [recipient]]]);
});
