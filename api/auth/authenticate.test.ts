import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readCredential } from './authenticate.ts';

const basic = (text: string) => `Basic ${Buffer.from(text, 'utf8').toString('base64')}`;

test.each([
  ['nothing', undefined, undefined, { kind: 'none' }],
  ['a key', undefined, ' abc ', { kind: 'bearer', value: 'abc' }],
  ['a bearer, whatever the key', 'bearer x.y', 'abc', { kind: 'bearer', value: 'x.y' }],
  ['a pair', basic('id:secret'), undefined, { kind: 'pair', clientId: 'id', secret: 'secret' }],
  ['a secret with colons', basic('id:a:b'), undefined, { kind: 'pair', clientId: 'id', secret: 'a:b' }],
  ['UTF-8', basic('jörg:pässwort'), undefined, { kind: 'pair', clientId: 'jörg', secret: 'pässwort' }],
  ['no id', basic(':secret'), undefined, { kind: 'malformed' }],
  ['a scheme alone', 'Bearer', undefined, { kind: 'malformed' }],
  ['two values', 'Bearer a b', undefined, { kind: 'malformed' }],
  ['far too much', `Bearer ${'x'.repeat(9000)}`, undefined, { kind: 'malformed' }],
])('%s', (_name, authorization, apiKey, presented) => {
  expect(readCredential(authorization, apiKey)).toEqual(presented);
});

test('any pair is read back', () => {
  const id = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !text.includes(':'));
  fc.assert(
    fc.property(id, fc.string({ unit: 'grapheme', minLength: 1 }), (clientId, secret) => {
      expect(readCredential(basic(`${clientId}:${secret}`), undefined)).toEqual({ kind: 'pair', clientId, secret });
    }),
  );
});
