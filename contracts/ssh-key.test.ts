import { generateKeyPairSync } from 'node:crypto';
import ssh2 from 'ssh2';
import { describe, expect, it } from 'vitest';
import { parseSshKey, sshFingerprint } from './ssh-key.ts';

const { generateKeyPairSync: generate } = ssh2.utils;

/** A public key line of ssh2's generator, which is independent of our parser. */
function lineOf(type: 'ed25519' | 'ecdsa' | 'rsa', bits?: 256 | 384 | 521 | 1024 | 2048): string {
  return generate(type as 'rsa', { bits: bits ?? 2048, comment: 'someone@example.com' }).public;
}

describe('a public key', () => {
  it.each([
    ['ed25519', undefined],
    ['ecdsa', 256],
    ['ecdsa', 384],
    ['ecdsa', 521],
    ['rsa', 2048],
  ] as const)('of type %s %s is read, without its comment', (type, bits) => {
    const line = lineOf(type, bits);
    const [name = '', base64 = ''] = line.split(' ');
    const key = parseSshKey(`${line}\n`);
    expect(key).toEqual({
      fingerprint: sshFingerprint(Buffer.from(base64, 'base64')),
      publicKey: `${name} ${base64}`,
    });
    expect(key).toMatchObject({ fingerprint: expect.stringMatching(/^SHA256:[A-Za-z0-9+/]{43}$/) });
  });

  it('with fewer than 2048 bits of RSA is refused', () => {
    expect(parseSshKey(lineOf('rsa', 1024))).toEqual({ problem: expect.stringContaining('this one has 1024') });
  });

  it.each([
    ['', 'nothing'],
    ['ssh-dss AAAAB3NzaC1kc3M=', 'DSA'],
    ['ssh-ed25519 AAAA', 'a cut key'],
    [`ssh-ed25519 ${Buffer.alloc(2000).toString('base64')}`, 'zeros'],
    [`command="sh" ${lineOf('ed25519')}`, 'options'],
    [lineOf('ed25519').replace('ssh-ed25519 ', 'ssh-rsa '), 'another type'],
    [`${lineOf('ed25519')}\n${lineOf('ed25519')}`, 'two lines'],
    [generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), 'a private key'],
  ])('%# is refused: %s', (line) => {
    expect(parseSshKey(line)).toHaveProperty('problem');
  });

  it('of a point that is not on its curve is refused', () => {
    const [type = '', base64 = ''] = lineOf('ecdsa', 256).split(' ');
    const blob = Buffer.from(base64, 'base64');
    blob.fill(7, blob.length - 32);
    expect(parseSshKey(`${type} ${blob.toString('base64')}`)).toHaveProperty('problem');
  });
});
