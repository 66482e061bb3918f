import { randomBytes } from 'node:crypto';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseSshKey } from '../contracts/ssh-key.ts';
import { freePort, LOOPBACK } from '../stack/ports.ts';
import { startServers } from '../stack/servers.ts';
import { serviceProcess, startGateway } from '../stack/stack.ts';
import { startOrStop } from '../stack/supervisor.ts';
import { deliver } from '../stores/delivery-fixture.ts';
import { createLedger } from '../stores/ledger/postgres.ts';
import { createObjects, objectsOptions } from '../stores/objects/minio.ts';
import { type Bench, type Benchmark, type Measurement, runPairs, secondsOf } from './benchmark.ts';
import { bareEnvironment, readPeak, silent } from './deployment.ts';
import { runShell } from './peers.ts';
import { TENANT } from './readings.ts';

/** A delivery of 1 GiB through the gateway, against sshd and its sftp-server on a local file. */
export const sftpBenchmark: Benchmark = {
  name: 'sftp',
  title: 'Download by SFTP',
  run: measureSftp,
};

const PART_BYTES = 64 * 1024 * 1024;
const PARTS = 16;
const DAY = '2026-11-28';
const SUBSYSTEM = '/usr/lib/openssh/sftp-server';
/** Sessions that read at the same time, and what the gateway may then hold. */
const SESSIONS = 50;
const PEAK_MIB_MAX = 500;

async function measureSftp(bench: Bench): Promise<Measurement> {
  const { directory, environment, signal } = bench;
  await chmod(directory, 0o711);
  const path = (name: string) => join(directory, name);
  const bare = bareEnvironment(bench);
  const shell = (script: string, more: Readonly<Record<string, string>> = {}) =>
    runShell(script, { ...bare, DIRECTORY: directory, ...more }, signal);
  const servers = await startServers({
    ...{ ports: 'free', dataDirectory: path('servers'), environment, signal },
    ...{ ...silent(bench), report: () => undefined },
  });
  return startOrStop(servers, signal, async () => {
    try {
      await shell('for name in user host; do ssh-keygen -q -t ed25519 -N "" -f "$DIRECTORY/$name"; done');
      const part = randomBytes(PART_BYTES);
      const { settings } = servers;
      await prepare(bench, settings, part, await shell('cat "$DIRECTORY/user.pub"'));
      for (let index = 0; index < PARTS; index += 1) await writeFile(path('file.csv'), part, { flag: 'a' });
      const unlimited = { WAYBILL_SFTP_TENANT_SESSIONS_MAX: '1000' };
      const gateway = await startGateway(servers.supervisor, {
        settings: { ...settings, ...unlimited, WAYBILL_LOG_LEVEL: 'warn' },
        environment: bare,
      });
      const peerPort = String(await startSshd(bench, servers.supervisor));

      const side = (port: string, user: string, file: string) => async (warmUp: boolean) => {
        const variables = { PORT: port, REMOTE: file, WHO: user, LOCAL: warmUp ? path('copy') : '/dev/null' };
        const seconds = await secondsOf(() => shell(DOWNLOAD, variables));
        if (warmUp) await shell('cmp "$DIRECTORY/copy" "$DIRECTORY/file.csv" && rm "$DIRECTORY/copy"');
        return seconds;
      };
      const remote = `${DAY.replaceAll('-', '/')}/file/file.csv`;
      const me = (await shell('id -un')).trim();
      const ourPort = settings.WAYBILL_SFTP_PORT;
      const pairs = await runPairs(bench, 'seconds', {
        ours: side(ourPort, TENANT, remote),
        peer: side(peerPort, me, path('file.csv')),
      });
      const small = remote.replaceAll('file', 'small');
      const variables = { PORT: ourPort, REMOTE: small, WHO: TENANT, LOCAL: '/dev/null' };
      const one = await readPeak(gateway);
      await shell(`${AT_ONCE(SESSIONS)}`, variables);
      const peak = await readPeak(gateway);
      return {
        unit: 'seconds',
        ours: { what: 'sftp get from the gateway, MinIO behind it', bytes: PART_BYTES * PARTS },
        peer: { what: `sftp get from sshd and ${SUBSYSTEM}, a file in the page cache`, bytes: PART_BYTES * PARTS },
        pairs,
        ratio: { kind: 'speed', target: 1 },
        bounds: [
          { what: `gateway's peak, ${SESSIONS} sessions at once`, figure: peak, max: PEAK_MIB_MAX, unit: 'MiB' },
        ],
        limitedBy: 'encryption in Node, and MinIO where the peer has a file in the page cache',
        notes: [
          `peak resident memory of the gateway: ${one.toFixed(0)} MiB with one session, ${peak.toFixed(0)} MiB with ${SESSIONS} sessions that read at once`,
        ],
      };
    } finally {
      await servers.stop();
    }
  });
}

const SSH_OPTIONS =
  '-F /dev/null -i "$DIRECTORY/user" -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR';
const DOWNLOAD = `echo "get $REMOTE $LOCAL" | sftp ${SSH_OPTIONS} -P "$PORT" -b - "$WHO@127.0.0.1" > /dev/null`;
const AT_ONCE = (sessions: number) => `seq ${sessions} | xargs -P ${sessions} -I {} bash -c '${DOWNLOAD}'`;

async function prepare(
  { report }: Bench,
  settings: Parameters<typeof objectsOptions>[0] & { readonly WAYBILL_LEDGER_URL: string },
  part: Buffer,
  publicKey: string,
): Promise<void> {
  const objects = createObjects(objectsOptions(settings));
  await objects.prepare();
  const ledgerUrl = settings.WAYBILL_LEDGER_URL;
  const ledger = createLedger({ url: ledgerUrl, connectionsMax: 1 });
  try {
    await ledger.migrate();
    await ledger.tenants.add({ key: TENANT, title: 'Benchmarks' });
    const key = parseSshKey(publicKey);
    if ('problem' in key) throw new Error(key.problem);
    await ledger.sftpKeys.add(TENANT, key, 'bench');
    report(`storing ${PARTS} parts of ${PART_BYTES / 1024 / 1024} MiB`);
    const files = { file: Array.from({ length: PARTS }, () => part), small: [part] };
    await deliver({ ledgerUrl, objects, tenant: TENANT, day: DAY, files });
  } finally {
    await ledger.close();
  }
}

/** OpenSSH's own server with its defaults, for the user who runs this. @returns its port */
async function startSshd(bench: Bench, supervisor: Parameters<typeof startGateway>[0]): Promise<number> {
  const port = await freePort();
  const path = (name: string) => join(bench.directory, name);
  await writeFile(
    path('sshd_config'),
    [
      ...[`Port ${port}`, `ListenAddress ${LOOPBACK}`, `HostKey ${path('host')}`, 'PidFile none', 'UsePAM no'],
      ...[
        `AuthorizedKeysFile ${path('user.pub')}`,
        'StrictModes no',
        `Subsystem sftp ${SUBSYSTEM}`,
        'PermitRootLogin yes',
      ],
    ].join('\n'),
  );
  // The directory that sshd, as root, gives up its privileges in.
  await mkdir('/run/sshd', { recursive: true }).catch(() => undefined);
  const sshd = (await runShell('PATH="$PATH:/usr/sbin" command -v sshd', bareEnvironment(bench), bench.signal)).trim();
  await supervisor.start({
    ...serviceProcess({ name: 'sshd', entry: '', environment: bareEnvironment(bench), readyUrl: '' }),
    command: sshd,
    arguments: ['-D', '-e', '-f', path('sshd_config')],
    ready: async () => {
      await runShell(
        `ssh-keyscan -p ${port} ${LOOPBACK} 2> /dev/null | grep -q ssh-ed25519`,
        bareEnvironment(bench),
        bench.signal,
      );
      return true;
    },
  });
  return port;
}
