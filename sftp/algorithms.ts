import type { Algorithms, CipherAlgorithm } from 'ssh2';

/** One pass over the data, not one to encrypt and one for the MAC. */
const GCM: CipherAlgorithm[] = ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com'];
const CTR: CipherAlgorithm[] = ['aes128-ctr', 'aes192-ctr', 'aes256-ctr'];

/**
 * Nothing with SHA-1, CBC, DSA or a group below 2048 bits. Without chacha20-poly1305: OpenSSH before version 10 would prefer it,
 * and Node needs twice as long for it as for AES with HMAC.
 */
const ALGORITHMS: Algorithms = {
  kex: [
    'curve25519-sha256',
    'curve25519-sha256@libssh.org',
    'ecdh-sha2-nistp256',
    'ecdh-sha2-nistp384',
    'ecdh-sha2-nistp521',
    'diffie-hellman-group14-sha256',
    'diffie-hellman-group16-sha512',
    'diffie-hellman-group18-sha512',
  ],
  serverHostKey: [
    'ssh-ed25519',
    'ecdsa-sha2-nistp256',
    'ecdsa-sha2-nistp384',
    'ecdsa-sha2-nistp521',
    'rsa-sha2-512',
    'rsa-sha2-256',
  ],
  hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512'],
  compress: ['none'],
};

/**
 * What is offered to a client, whose order of preference decides between the algorithms in both lists. OpenSSH before version 10 prefers
 * CTR to GCM, which is faster: a client that accepts GCM is offered nothing else.
 *
 * @param accepted ciphers that the client accepts; `undefined` if it waits for the server's offer
 */
export function algorithmsFor(accepted: readonly string[] | undefined): Algorithms {
  const acceptsGcm = GCM.some((cipher) => accepted?.includes(cipher));
  return { ...ALGORITHMS, cipher: acceptsGcm ? GCM : [...GCM, ...CTR] };
}
