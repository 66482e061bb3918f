import { randomUUID } from 'node:crypto';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { pino } from 'pino';
import { parseSshKey } from '../contracts/ssh-key.ts';
import { startGateway } from '../sftp/gateway.ts';
import { readHostKey } from '../sftp/host-key.ts';
import { createOpenRun } from '../sftp/runs.ts';
import { LOOPBACK } from '../stack/ports.ts';
import { type DeliveredFiles, deliver } from '../stores/delivery-fixture.ts';
import { createLoginLimit } from '../stores/limits/postgres.ts';
import { openBucket } from './bucket.ts';
import { closeAtEnd, temporaryFolder } from './cleanup.ts';
import { openLedger, prepareOwnSettings } from './context.ts';

const LIMITS = {
  ...{ loginMs: 20_000, idleMs: 300_000, stallMs: 60_000, attemptsMax: 10, rekeyBytes: 1024 ** 3 },
  ...{ aheadBytesMax: 4 * 1024 * 1024, totalBytesMax: 8 * 1024 * 1024 },
};

type GatewayOptions = Parameters<typeof startGateway>[0];
export interface SftpOptions extends Partial<Omit<GatewayOptions, 'limits'>> {
  readonly limits?: Partial<GatewayOptions['limits']>;
  /** Failed log-ins a minute. */
  readonly failuresMax?: number;
  /** Free unless named. */
  readonly port?: number;
}

/** A tenant that logs in with a secret or with the key of the test. */
export interface SftpTenant {
  readonly key: string;
  readonly clientId: string;
  readonly secret: string;
  deliver(day: string, files: DeliveredFiles, more?: { sums?: boolean; endedAt?: Date }): ReturnType<typeof deliver>;
}

/** A gateway in this process, with a ledger and a bucket of its own, and what clients need to talk to it. */
export async function startSftp(options: SftpOptions = {}) {
  const settings = await prepareOwnSettings();
  const ledgerUrl = settings.WAYBILL_LEDGER_URL;
  const ledger = openLedger(settings);
  const objects = openBucket(settings);
  const logged: string[] = [];
  const logger = pino({ level: 'trace' }, { write: (line: string) => void logged.push(line) });
  const hostKey = await readHostKey(ledger, { WAYBILL_SFTP_HOST_KEY: undefined });

  async function start(more: SftpOptions = {}) {
    const { limits, failuresMax = 1000, port = 0, ...rest } = { ...options, ...more };
    const loginLimit = createLoginLimit({ url: ledgerUrl, failuresMax, logger });
    const gateway = await startGateway(
      {
        ...{ hostKey: hostKey.privateKey, ledger, loginLimit, objects, openRun: createOpenRun(objects), logger },
        ...{ sessionsMax: 100, tenantSessionsMax: 100, trustedProxies: [] },
        ...rest,
        limits: { ...LIMITS, ...limits },
      },
      LOOPBACK,
      port,
    );
    const close = closeAtEnd(async () => {
      await gateway.close(0);
      await loginLimit.close();
    });
    return { gateway, close };
  }
  const { gateway, close } = await start();

  const home = await temporaryFolder();
  const path = (name: string) => join(home, name);
  const { stdout: keys } = await execa('ssh-keyscan', ['-p', String(gateway.port), LOOPBACK]);
  await writeFile(path('known_hosts'), `${keys}\n`);
  await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path('key')]);

  async function addTenant(): Promise<SftpTenant> {
    const key = `t-${randomUUID()}`;
    const clientId = `c-${randomUUID()}`;
    const secret = `s-${randomUUID()}`;
    await ledger.tenants.add({ key, title: 'A tenant' });
    await ledger.credentials.add({ tenant: key, clientId, scopes: ['read'], secret });
    return {
      ...{ key, clientId, secret },
      deliver: (day, files, more) => deliver({ ledgerUrl, objects, tenant: key, day, files, ...more }),
    };
  }

  /** Registers the test's key for a tenant. */
  async function addKey(tenant: SftpTenant, file = 'key'): Promise<string> {
    const { stdout } = await execa('cat', [path(`${file}.pub`)]);
    const parsed = parseSshKey(stdout);
    if ('problem' in parsed) throw new Error(parsed.problem);
    await ledger.sftpKeys.add(tenant.key, parsed, 'test');
    return parsed.fingerprint;
  }

  /** An askpass program for OpenSSH that answers with a secret. @returns the environment that selects it */
  async function askpass(secret: string) {
    const program = path(`askpass-${randomUUID()}`);
    await writeFile(program, `#!/bin/sh\necho '${secret}'\n`);
    await chmod(program, 0o700);
    return { SSH_ASKPASS: program, SSH_ASKPASS_REQUIRE: 'force', DISPLAY: ':0' };
  }

  return {
    ...{ settings, ledger, objects, logged, hostKey, gateway, close, start, home, path, addTenant, addKey, askpass },
    /** Options of OpenSSH's programs: this host key, the test's key, and nothing of the user's own. */
    sshOptions: (port = gateway.port) => [
      ...['-F', '/dev/null', '-P', String(port), '-i', path('key')],
      ...['IdentitiesOnly=yes', `UserKnownHostsFile=${path('known_hosts')}`, 'StrictHostKeyChecking=yes'].flatMap(
        (option) => ['-o', option],
      ),
    ],
  };
}
export type StartedSftp = Awaited<ReturnType<typeof startSftp>>;
