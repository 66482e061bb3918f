import { generateKeyPairSync } from 'node:crypto';
import { appendFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import { createSigner, envelopeOf } from '../../streams/signing.ts';
import { fourDays, scratch } from '../chain/four-days-fixture.ts';
import { run } from '../program.ts';
import { createTerminal } from '../screen/terminal.ts';

async function verify(...args: readonly string[]) {
  const [output, errors] = [new PassThrough(), new PassThrough()];
  const terminal = createTerminal(output, errors);
  const cli = { terminal, environment: {}, interruptible: () => new AbortController().signal };
  const code = await run(['verify', '--chain', ...args], cli, '0.0.0');
  return { code, output: String(output.read() ?? ''), errors: String(errors.read() ?? '') };
}

test('one line for each entity says how far it is proven', async () => {
  const { root } = fourDays();
  expect(await verify(root)).toMatchObject({
    code: 0,
    output: [
      '✓ event  complete from the beginning to 2026-01-05T00:00:00.000Z, 8 files, 4 rows',
      '✓ user   complete from the beginning to 2026-01-05T00:00:00.000Z, 8 files, 4 rows',
      '! no manifest is signed: whoever can write here can forge all of it',
      'No problem in 4 days of acme, 2026-01-01 to 2026-01-04',
      '',
    ].join('\n'),
  });
});

test('a break is told with its place, and the code is 1', async () => {
  const { root, at } = fourDays();
  rmSync(at('03/user/user.csv'));
  const { code, output } = await verify(root);
  expect([code, output.split('\n').filter((line) => line.startsWith('✗'))]).toEqual([
    1,
    ['✗ user   breaks at 2026-01-03: user.csv is missing.', '✗ 2026/01/03/user/user.csv: user.csv is missing.'],
  ]);
  const json = await verify(root, '--json');
  expect([json.code, JSON.parse(json.output)]).toEqual([
    1,
    expect.objectContaining({
      ...{ ok: false, tenant: 'acme', days: 4, firstDay: '2026-01-01', lastDay: '2026-01-04', signedBy: null },
      problems: [expect.objectContaining({ path: '2026/01/03/user/user.csv', entity: 'user' })],
    }),
  ]);
});

test('signatures beside the manifests are checked with --keys, and a forged manifest is found', async () => {
  const { root, at } = fourDays();
  const { privateKey } = generateKeyPairSync('ed25519');
  const signer = createSigner(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
  const keys = join(scratch(), 'keys.json');
  for (const day of readdirSync(at('.'))) {
    const manifest = readFileSync(at(`${day}/manifest.json`));
    writeFileSync(at(`${day}/manifest.dsse.json`), JSON.stringify(envelopeOf(manifest, signer.sign(manifest))));
  }
  expect((await verify(root)).output).toContain('the signatures of 4 manifests were not checked');
  writeFileSync(keys, JSON.stringify({ keys: [signer.publicKey] }));
  expect(await verify(root, '--keys', keys)).toMatchObject({
    code: 0,
    output: expect.stringContaining(`✓ 4 manifests signed with key ${signer.publicKey.kid}`),
  });
  // Nothing follows the last manifest, so that only its signature tells.
  appendFileSync(at('04/manifest.json'), ' ');
  expect((await verify(root)).code).toBe(0);
  expect((await verify(root, '--keys', keys)).output).toContain('The manifest is not the one that was signed.');
  rmSync(at('04/manifest.dsse.json'));
  expect((await verify(root, '--keys', keys)).output).toContain('2026/01/04: The manifest is not signed.');
});

test.each([
  [['/nowhere'], 'There is no directory'],
  [['.', '--key-file', 'key.txt'], '--key-file'],
  [['.'], 'holds no recurring exports'],
])('%j is refused', async (args, text) => {
  expect(await verify(...args)).toMatchObject({ code: 2, errors: expect.stringContaining(text) });
});
