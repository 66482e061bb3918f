import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort, LOOPBACK } from '../stack/ports.ts';
import { createSupervisor } from '../stack/supervisor.ts';
import { closeAtEnd, temporaryFolder } from './cleanup.ts';
import { useStack } from './context.ts';
import { programPath } from './programs.ts';

/** A tenant's SFTP server: OpenSSH, for the user who runs the tests. */
export interface SshServer {
  readonly port: number;
  readonly user: string;
  /** Public host keys as in `known_hosts` without the host, by type. */
  readonly hostKeys: Readonly<Record<KeyType, string>>;
  /** Logs in. */
  readonly privateKey: string;
  /** File of the public keys that log in. */
  readonly authorizedKeys: string;
  /** An empty directory that the user may write to. */
  readonly folder: string;
}

const KEY_TYPES = ['ed25519', 'ecdsa', 'rsa'] as const;
type KeyType = (typeof KEY_TYPES)[number];

/** Creates a key pair. @returns the path of the private key; that of the public one ends in `.pub` */
async function makeKey(folder: string, name: string, type: KeyType): Promise<string> {
  const path = join(folder, name);
  await promisify(execFile)('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', '', '-f', path]);
  return path;
}

/**
 * Starts a server on a free port. It ends at the end.
 *
 * @param sftp arguments of its SFTP server, such as requests that it refuses
 * @param more lines of its configuration
 */
export async function startSshServer(sftp = '', more: readonly string[] = []): Promise<SshServer> {
  const { environment } = useStack();
  const keys = await temporaryFolder();
  const folder = await temporaryFolder();
  const port = await freePort();
  const hostKeys = await Promise.all(KEY_TYPES.map((type) => makeKey(keys, `host-${type}`, type)));
  const login = await makeKey(keys, 'login', 'ed25519');
  const config = join(keys, 'sshd_config');
  const lines = [
    ...[`Port ${port}`, `ListenAddress ${LOOPBACK}`, 'PidFile none', 'UsePAM no', 'StrictModes no'],
    ...hostKeys.map((path) => `HostKey ${path}`),
    ...['PermitRootLogin prohibit-password', 'PasswordAuthentication no', `AuthorizedKeysFile ${login}.pub`],
    `Subsystem sftp internal-sftp ${sftp}`,
    ...more,
  ];
  await writeFile(config, `${lines.join('\n')}\n`);
  // As root, sshd separates privileges in this directory, which a service manager would create.
  if (userInfo().uid === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
  const supervisor = createSupervisor({ line: () => undefined, crashed: () => undefined });
  closeAtEnd(() => supervisor.stop());
  await supervisor.start({
    name: 'sshd',
    command: await programPath('sshd', environment),
    arguments: ['-D', '-e', '-f', config],
    environment,
    identity: undefined,
    stopSignal: 'SIGTERM',
    graceMs: 5_000,
    readyMs: 20_000,
    ready: () => accepts(port),
    retryWhen: undefined,
  });
  const publicKeys = await Promise.all(hostKeys.map((path) => readFile(`${path}.pub`, 'utf8')));
  return {
    port,
    user: userInfo().username,
    hostKeys: Object.fromEntries(
      KEY_TYPES.map((type, place) => [type, publicKeys[place] ?? '']),
    ) as SshServer['hostKeys'],
    privateKey: await readFile(login, 'utf8'),
    authorizedKeys: `${login}.pub`,
    folder,
  };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, LOOPBACK);
    socket.once('data', () => resolve(true)).once('error', () => resolve(false));
    socket.once('data', () => socket.destroy());
  });
}
