import { expect, test } from 'vitest';
import { createProvenSecrets, type Proof } from './proven-secrets.ts';

const proof = (credentialId: string): Proof => ({ credentialId, secretHash: `hash of ${credentialId}` });

test('recalls exactly what was presented', () => {
  const proven = createProvenSecrets(10, 1000, () => 0);
  proven.remember('a', 'b:c', proof('1'));
  proven.remember(null, 'a:b:c', proof('2'));
  expect(proven.recall('a', 'b:c')).toEqual(proof('1'));
  expect(proven.recall(null, 'a:b:c')).toEqual(proof('2'));
  expect(proven.recall('a:b', 'c')).toBeUndefined();
  expect(proven.recall('', 'a:b:c')).toBeUndefined();
  expect(proven.recall('a', 'b')).toBeUndefined();
});

test('forgets what was not used for the time, and the one used longest ago when it is full', () => {
  const time = { ms: 0 };
  const proven = createProvenSecrets(2, 1000, () => time.ms);
  proven.remember('a', 's', proof('1'));
  time.ms = 999;
  expect(proven.recall('a', 's')).toEqual(proof('1'));
  time.ms = 1998;
  expect(proven.recall('a', 's')).toEqual(proof('1'));
  time.ms = 2998;
  expect(proven.recall('a', 's')).toBeUndefined();

  for (const clientId of ['a', 'b']) proven.remember(clientId, 's', proof(clientId));
  proven.recall('a', 's');
  proven.remember('c', 's', proof('c'));
  expect(['a', 'b', 'c'].map((clientId) => proven.recall(clientId, 's')?.credentialId)).toEqual(['a', undefined, 'c']);
});
