import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { isSecretsKey } from '../../config/secrets-key.ts';
import { createSecretSealer } from './sealed-secret.ts';

const newKey = () => randomBytes(32);
const textOf = (...keys: Buffer[]) => keys.map((key) => key.toString('base64')).join();
const SECRET = { password: 'correct horse' };

it('a secret opens for its tenant, and for nobody else', () => {
  const sealer = createSecretSealer([newKey()], 'destination');
  const sealed = sealer.seal('acme', SECRET);
  expect(sealer.open('acme', sealed)).toEqual(SECRET);
  expect(() => sealer.open('other', sealed)).toThrow();
  expect(sealed.includes(Buffer.from('horse'))).toBe(false);
  expect(sealer.seal('acme', SECRET).equals(sealed)).toBe(false);
  const key = newKey();
  const other = createSecretSealer([key], 'webhook').seal('acme', SECRET);
  expect(createSecretSealer([key], 'webhook').open('acme', other)).toEqual(SECRET);
  expect(() => createSecretSealer([key], 'destination').open('acme', other)).toThrow();
});

it('a secret of which any byte was altered does not open', () => {
  const sealer = createSecretSealer([newKey()], 'destination');
  const sealed = sealer.seal('acme', SECRET);
  for (const at of sealed.keys()) {
    const altered = Buffer.from(sealed);
    altered[at] = (altered[at] ?? 0) ^ 1;
    expect(() => sealer.open('acme', altered), `byte ${at}`).toThrow();
  }
  for (const length of [0, 3, 4, 20, sealed.length - 1]) {
    expect(() => sealer.open('acme', sealed.subarray(0, length)), `${length} bytes`).toThrow();
  }
});

it('an old key opens what it has sealed, for as long as it is listed', () => {
  const [old, young] = [newKey(), newKey()];
  const sealed = createSecretSealer([old], 'destination').seal('acme', SECRET);
  expect(createSecretSealer([young, old], 'destination').open('acme', sealed)).toEqual(SECRET);
  expect(() => createSecretSealer([young], 'destination').open('acme', sealed)).toThrow('no key');
});

it.each([
  [textOf(newKey()), true],
  [textOf(newKey(), newKey()), true],
  ['', false],
  [textOf(randomBytes(31)), false],
  [`${textOf(newKey())},`, false],
])('%s as a setting: %s', (text, valid) => {
  expect(isSecretsKey(text)).toBe(valid);
});
