import ssh2, { type Client, type ConnectConfig, type SFTPWrapper } from 'ssh2';
import { type DestinationSecret, FINGERPRINT, type SftpDestination } from '../../contracts/destination.ts';
import { WaybillError } from '../../contracts/failures.ts';
import { sshFingerprint } from '../../contracts/ssh-key.ts';
import { type AddressGuard, guardedConnect } from './address-guard.ts';

/** How long a connection may take until the user is logged in, and a request until it is answered. Milliseconds. */
const READY_MS = 20_000;
const ANSWER_MS = 60_000;
/** How long a session goes on after the signal has aborted, to remove what was not finished. Milliseconds. */
const CLEANUP_MS = 5_000;
/** After this many probes without an answer, a connection is lost. Milliseconds between two. */
const ALIVE_MS = 10_000;
const ALIVE_MISSED_MAX = 3;

/**
 * What is negotiated: no SHA-1, no CBC, no DSA. Source: RFC 9142 for key exchange; for the rest, what OpenSSH 9 has on by default
 * and ssh2 knows.
 */
const ALGORITHMS: NonNullable<ConnectConfig['algorithms']> = {
  kex: [
    'curve25519-sha256',
    'curve25519-sha256@libssh.org',
    'ecdh-sha2-nistp256',
    'ecdh-sha2-nistp384',
    'ecdh-sha2-nistp521',
    'diffie-hellman-group16-sha512',
    'diffie-hellman-group18-sha512',
    'diffie-hellman-group14-sha256',
  ],
  cipher: [
    'aes256-gcm@openssh.com',
    'aes128-gcm@openssh.com',
    'chacha20-poly1305@openssh.com',
    'aes256-ctr',
    'aes192-ctr',
    'aes128-ctr',
  ],
  hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512'],
  compress: ['none'],
};

type HostKeyAlgorithms = NonNullable<typeof ALGORITHMS.serverHostKey>;

/** Algorithms by kind of host key. A server presents one key, of a kind that the client asks for. */
const HOST_KEYS = [
  ['ssh-ed25519'],
  ['ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521'],
  ['rsa-sha2-512', 'rsa-sha2-256'],
] as const;

/** Kinds of keys in public keys, by which RSA has another name than in {@link HOST_KEYS}. */
const RSA = 'ssh-rsa';

/** Asks for an answer: `send` gets the callback that takes it. */
export type Ask = <Value>(
  send: (done: (error: Error | null | undefined, value?: Value) => void) => void,
) => Promise<Value | undefined>;

/** An open session. */
export interface SftpSession {
  readonly sftp: SFTPWrapper;
  /** @throws Error if the connection ends, some seconds after the signal aborts, or if the server is silent for a minute */
  readonly ask: Ask;
  close(): void;
}

/**
 * Connects and logs in. Where only a fingerprint is known, the server is asked for one kind of host key after the other.
 *
 * @throws WaybillError `host_key_mismatch`, `destination_login`, `destination_unavailable`, `destination_refused`,
 *   `destination_rejected` if there is no current algorithm that the server has too
 */
export async function openSftpSession(
  config: SftpDestination,
  secret: Exclude<DestinationSecret, { readonly secretKey: string }>,
  guard: AddressGuard,
  signal: AbortSignal,
): Promise<SftpSession> {
  if (!FINGERPRINT.test(config.hostKey)) throw new WaybillError('host_key_mismatch');
  const kinds = HOST_KEYS.filter((names) => isOfKind(config.hostKeyType, names));
  for (const kind of kinds) {
    const session = await connect(config, secret, guard, signal, [...kind]);
    if (session) return session;
  }
  throw new WaybillError('host_key_mismatch');
}

function isOfKind(type: string | null, names: readonly string[]): boolean {
  return type === null || names.includes(type === RSA ? 'rsa-sha2-512' : type);
}

/** @returns `undefined` if the server has no such host key, or another one */
async function connect(
  { host, port, user, hostKey }: SftpDestination,
  secret: Exclude<DestinationSecret, { readonly secretKey: string }>,
  guard: AddressGuard,
  signal: AbortSignal,
  serverHostKey: HostKeyAlgorithms,
): Promise<SftpSession | undefined> {
  signal.throwIfAborted();
  const client = new ssh2.Client();
  const socket = guardedConnect(guard, { host, port });
  const ended = watchEnd(client, signal);
  let denied = false;
  try {
    await ended.ask((done) => {
      client.once('ready', () => done(null));
      client.connect({
        ...{ sock: socket, username: user, readyTimeout: READY_MS },
        ...{ keepaliveInterval: ALIVE_MS, keepaliveCountMax: ALIVE_MISSED_MAX },
        ...('password' in secret ? { password: secret.password } : secret),
        algorithms: { ...ALGORITHMS, serverHostKey },
        hostVerifier: (key: Buffer) => {
          denied = sshFingerprint(key) !== hostKey;
          return !denied;
        },
      });
    });
    const sftp = await ended.ask<SFTPWrapper>((done) => client.sftp(done));
    if (!sftp) throw new WaybillError('destination_rejected');
    return { sftp, ask: ended.ask, close: ended.close };
  } catch (error) {
    ended.close();
    socket.destroy();
    if (signal.aborted) throw signal.reason;
    if (denied || NO_SUCH_KEY.test(messageOf(error))) return undefined;
    throw toConnectFailure(error);
  }
}

/** What ssh2 reports if the server has no host key of the kind. */
const NO_SUCH_KEY = /no matching host key format/;

/** Makes every pending and later request fail once the connection has ended. */
function watchEnd(client: Client, signal: AbortSignal) {
  const waiting = new Set<(error: unknown) => void>();
  let reason: unknown;
  function fail(error: unknown): void {
    reason ??= error;
    for (const reject of waiting) reject(reason);
  }
  const end = () => {
    fail(signal.reason);
    client.destroy();
  };
  let ready = false;
  let timer: NodeJS.Timeout | undefined;
  const abort = () => {
    if (ready) timer = setTimeout(end, CLEANUP_MS);
    else end();
  };
  signal.addEventListener('abort', abort, { once: true });
  client.on('ready', () => {
    ready = true;
  });
  client.on('error', fail);
  client.on('close', () => fail(new Error('The connection was closed')));

  const ask: Ask = async (send) => {
    if (reason !== undefined) throw reason;
    const { promise, resolve, reject } = Promise.withResolvers<Parameters<Parameters<typeof send>[0]>[1]>();
    const timer = setTimeout(() => reject(new Error(`No answer within ${ANSWER_MS / 1000} s`)), ANSWER_MS);
    waiting.add(reject);
    try {
      send((error, value) => (error ? reject(error) : resolve(value)));
      return await promise;
    } finally {
      waiting.delete(reject);
      clearTimeout(timer);
    }
  };
  return {
    ask,
    close() {
      signal.removeEventListener('abort', abort);
      clearTimeout(timer);
      client.end();
    },
  };
}

function toConnectFailure(error: unknown): unknown {
  if (error instanceof WaybillError) return error;
  const level = error instanceof Error && 'level' in error ? error.level : undefined;
  if (level === 'client-authentication') return new WaybillError('destination_login', undefined, { cause: error });
  if (level === 'handshake' && /no matching/.test(messageOf(error))) {
    const message = 'The server offers no algorithm that counts as secure today. Update it, or allow it newer ones.';
    return new WaybillError('destination_rejected', message, { cause: error });
  }
  return new WaybillError('destination_unavailable', undefined, { cause: error });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : '';
}
