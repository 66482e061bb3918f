import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { generateSshKey, privateKeyProblem, readHostKey } from './ssh-keys.ts';

/** The host key of github.com and its fingerprint. Source: GitHub's documentation, "GitHub's SSH key fingerprints". */
const PUBLIC = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl';
const FINGERPRINT = 'SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU';

describe('a host key', () => {
  it.each([
    [PUBLIC, { fingerprint: FINGERPRINT, type: 'ssh-ed25519' }],
    [`${PUBLIC} root@server\n`, { fingerprint: FINGERPRINT, type: 'ssh-ed25519' }],
    [FINGERPRINT, { fingerprint: FINGERPRINT, type: null }],
  ])('%s is read', (text, key) => {
    expect(readHostKey(text)).toEqual(key);
  });

  it.each([
    '',
    'ssh-ed25519',
    'ssh-ed25519 AAAA',
    PUBLIC.replace('ssh-ed25519', 'ssh-rsa'),
    'ssh-dss AAAAB3NzaC1kc3MAAACBAP',
    'MD5:16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48',
    'SHA256:short',
  ])('%s is refused', (text) => {
    expect(readHostKey(text)).toBeUndefined();
  });
});

it('that is made can be read, a thousand times', () => {
  for (let count = 0; count < 1000; count += 1) expect(readHostKey(generateSshKey().public)).toBeDefined();
});

describe('a private key', () => {
  const pair = generateSshKey();
  const locked = generateSshKey({ passphrase: 'open', cipher: 'aes256-ctr', rounds: 4 });
  const { privateKey: pem } = generateKeyPairSync('rsa', {
    ...{ modulusLength: 2048, publicKeyEncoding: { type: 'spki', format: 'pem' } },
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
  });

  it.each([
    ['in the format of OpenSSH', pair.private, undefined, undefined],
    ['in PEM', pem, undefined, undefined],
    ['with its passphrase', locked.private, 'open', undefined],
    ['without its passphrase', locked.private, undefined, 'Is encrypted, and the passphrase does not open it.'],
    ['with another passphrase', locked.private, 'shut', 'Is encrypted, and the passphrase does not open it.'],
    ['that is public', pair.public, undefined, 'Is a public key: the private key is needed.'],
    ['that is none', 'hello', undefined, 'Should be a private key as "ssh-keygen -t ed25519" writes it.'],
  ])('%s', (_, text, passphrase, problem) => {
    expect(privateKeyProblem(text, passphrase)).toBe(problem);
  });
});
