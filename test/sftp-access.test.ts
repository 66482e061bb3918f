import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { execa } from 'execa';
import ssh2, { type Client, type SFTPWrapper } from 'ssh2';
import { beforeAll, describe, expect, it } from 'vitest';
import { runPrefix } from '../contracts/keys.ts';
import { RECURRING } from '../contracts/recurring.ts';
import { readHostKey } from '../sftp/host-key.ts';
import { freePort, LOOPBACK } from '../stack/ports.ts';
import { removeBelow } from '../stores/objects/objects.ts';
import { closeAtEnd } from './cleanup.ts';
import { type SftpTenant, type StartedSftp, startSftp } from './sftp-set-up.ts';

const DAY = '2026/11/28';
const user = randomBytes(12_000_000);

let sftp: StartedSftp;
let tenant: SftpTenant;
let other: SftpTenant;

beforeAll(async () => {
  sftp = await startSftp();
  tenant = await sftp.addTenant();
  other = await sftp.addTenant();
  await tenant.deliver('2026-11-28', { user: [user] });
  await other.deliver('2026-11-28', { secret: [Buffer.from('id\n1\n')] });
});

interface Credentials {
  readonly username: string;
  readonly password?: string;
  readonly privateKey?: string;
}

/** Logs in with ssh2's client. @throws its error */
async function connect(credentials: Credentials, port = sftp.gateway.port): Promise<Client> {
  const client = new ssh2.Client();
  const ready = Promise.withResolvers<void>();
  client.on('ready', () => ready.resolve()).on('error', (error) => ready.reject(error));
  client.on('close', () => ready.reject(new Error('closed')));
  client.connect({ host: LOOPBACK, port, ...credentials });
  closeAtEnd(() => client.destroy());
  await ready.promise;
  return client;
}

const passwordOf = ({ clientId, secret }: SftpTenant) => ({ username: clientId, password: secret });

/** Calls a method of ssh2's client and returns its answer. */
function ask<Answer>(
  call: (done: (error: Error | undefined | null, answer?: Answer) => void) => void,
): Promise<Answer> {
  return new Promise((resolve, reject) => call((error, answer) => (error ? reject(error) : resolve(answer as Answer))));
}

const open = (client: Client) => ask<SFTPWrapper>((done) => client.sftp(done));
const list = async (session: SFTPWrapper, path: string) =>
  (await ask<{ filename: string }[]>((done) => session.readdir(path, done))).map(({ filename }) => filename);
const read = (session: SFTPWrapper, path: string) => ask<Buffer>((done) => session.readFile(path, done));

describe('a credential with limits', () => {
  const added = async (limits: { doors: string[] | null; datasets: string[] | null }) => {
    const own = await sftp.addTenant();
    await own.deliver('2026-11-28', { user: [Buffer.from('id\n1\n')], network: [Buffer.from('id\n2\n')] });
    await sftp.ledger.credentials.limit(own.clientId, limits);
    return own;
  };

  it('for other doors does not log in, which is in the trail', async () => {
    const own = await added({ doors: ['periodic'], datasets: null });
    await expect(connect(passwordOf(own))).rejects.toThrow('All configured authentication methods failed');
    expect(await sftp.ledger.audit.list(own.key, 1)).toMatchObject([{ action: 'access.refused', actor: own.clientId }]);
  });

  it('for a dataset sees its files alone, and no session outlives a change of limits', async () => {
    const own = await added({ doors: ['recurring'], datasets: ['user'] });
    const session = await open(await connect(passwordOf(own)));
    expect(await list(session, DAY)).toEqual(['user']);
    expect(String(await read(session, `${DAY}/user/user.csv`))).toBe('id\n1\n');
    for (const path of ['network', 'network/network.csv', 'manifest.json']) {
      await expect(read(session, `${DAY}/${path}`), path).rejects.toThrow('No such file');
    }
    await sftp.ledger.credentials.limit(own.clientId, { doors: ['recurring'], datasets: ['network'] });
    await expect(list(session, DAY)).rejects.toThrow();
  });
});

describe('a session', () => {
  it('sees its own tree, and nothing beside it', async () => {
    const session = await open(await connect(passwordOf(tenant)));
    expect(await list(session, '/')).toEqual(['exports']);
    expect(await list(session, '/exports')).toEqual([tenant.key]);
    expect(await list(session, '.')).toEqual(['2026']);
    const foreign = `/exports/${other.key}`;
    const outside = [
      foreign,
      `${foreign}/${DAY}`,
      `../${other.key}`,
      '../../../etc/passwd',
      '/exports/../etc',
      `${DAY}/..\0`,
      '2026/13',
    ];
    for (const path of outside) {
      await expect(list(session, path), path).rejects.toThrow('No such file');
      await expect(read(session, path), path).rejects.toThrow('No such file');
    }
    expect(await ask((done) => session.realpath('../../../..', done))).toBe('/');
    expect(await list(session, `2026/../${DAY}/./user//`)).toEqual(['user.csv', 'user.csv.sha256']);
  });

  it('cannot change anything', async () => {
    const session = await open(await connect(passwordOf(tenant)));
    const file = `${DAY}/user/user.csv`;
    const changes: ((done: (error?: Error | null) => void) => void)[] = [
      (done) => session.open('new', 'w', done),
      (done) => session.open(file, 'r+', done),
      (done) => session.open(file, 'a', done),
      (done) => session.mkdir('new', done),
      (done) => session.rmdir('2026', done),
      (done) => session.unlink(file, done),
      (done) => session.rename(file, 'other', done),
      (done) => session.symlink(file, 'link', done),
      (done) => session.setstat(file, { mode: 0o777 }, done),
      (done) => session.utimes(file, 0, 0, done),
    ];
    for (const change of changes) await expect(ask(change)).rejects.toThrow('read-only');
    await expect(ask((done) => session.readlink(file, done))).rejects.toThrow('no symbolic links');
  });

  it('offers neither a shell, nor commands, nor forwarding', async () => {
    const client = await connect(passwordOf(tenant));
    for (const command of ['id', 'scp -t /tmp', 'scp -f a; id', 'scp -f $(id)', 'scp -f -x a']) {
      const channel = await ask<ssh2.ClientChannel>((done) => client.exec(command, done));
      let errors = '';
      channel.stderr.on('data', (data) => (errors += String(data)));
      channel.resume();
      const code = await new Promise((resolve) => channel.on('close', resolve));
      expect([code, errors], command).toEqual([1, expect.stringContaining('for reading only')]);
    }
    await expect(ask((done) => client.forwardOut('a', 1, LOOPBACK, 9000, done))).rejects.toThrow();
    await expect(ask((done) => client.forwardIn(LOOPBACK, 0, done))).rejects.toThrow();
  });

  it('keeps reading a delivery that was replaced, until its objects are gone', async () => {
    const own = await sftp.addTenant();
    const { runId } = await own.deliver('2026-11-01', { user: [user] });
    const session = await open(await connect(passwordOf(own)));
    const path = '2026/11/01/user/user.csv';
    const handle = await ask<Buffer>((done) => session.open(path, 'r', done));
    const next = Buffer.from('id\n2\n');
    await own.deliver('2026-11-01', { user: [next] });
    expect((await read(session, path)).equals(next)).toBe(true);
    const target = Buffer.alloc(30_000);
    const at = (position: number) =>
      ask((done) => session.read(handle, target, 0, target.length, position, (error, bytes) => done(error, bytes)));
    await at(9_000_000);
    expect(target.equals(user.subarray(9_000_000, 9_030_000))).toBe(true);
    await removeBelow(sftp.objects, runPrefix({ kind: RECURRING.kind, tenant: own.key, runId }));
    await expect(at(0)).rejects.toThrow('no longer available');
  });

  it('refuses more handles than 64', async () => {
    const session = await open(await connect(passwordOf(tenant)));
    const handles = await Promise.all(
      Array.from({ length: 64 }, () => ask<Buffer>((done) => session.open(`${DAY}/user/user.csv`, 'r', done))),
    );
    await expect(ask((done) => session.opendir('.', done))).rejects.toThrow('More than 64');
    await ask((done) => session.close(handles[0] ?? Buffer.alloc(0), done));
    expect(await list(session, '.')).toEqual(['2026']);
  });
});

describe('a log-in', () => {
  it('with a wrong secret, an unknown key or a foreign name is refused', async () => {
    const key = await readFile(sftp.path('key'), 'utf8');
    await sftp.addKey(other);
    await connect({ username: other.key, privateKey: key });
    await connect({ username: other.clientId, privateKey: key });
    await expect(connect({ username: tenant.key, privateKey: key })).rejects.toThrow('authentication methods failed');
    await expect(connect({ username: tenant.clientId, password: other.secret })).rejects.toThrow();
    await expect(connect({ username: tenant.key, password: tenant.secret })).rejects.toThrow();
    const audit = await sftp.ledger.audit.list(null, 100);
    expect(audit.filter(({ action }) => action === 'login.failed').length).toBeGreaterThanOrEqual(2);
  });

  it('is audited once, and so is each download', async () => {
    const own = await sftp.addTenant();
    const { runId } = await own.deliver('2026-11-02', { user: [Buffer.from('id\n')] });
    const session = await open(await connect(passwordOf(own)));
    await read(session, '2026/11/02/user/user.csv');
    await read(session, '2026/11/02/user/user.csv');
    await read(session, '2026/11/02/manifest.json');
    const audit = await sftp.ledger.audit.list(own.key, 100);
    expect(audit.filter(({ actor }) => actor === own.clientId)).toMatchObject([
      { action: 'recurring.downloaded', runId, detail: { file: 'user.csv', via: 'sftp' } },
      { action: 'sftp.logged_in', detail: { method: 'password', address: LOOPBACK } },
    ]);
  });

  it('ends when its credential, its key or its tenant is disabled', async () => {
    const key = await readFile(sftp.path('key'), 'utf8');
    const ends: ((own: SftpTenant, fingerprint: string) => Promise<unknown>)[] = [
      ({ clientId }) => sftp.ledger.credentials.disable(clientId),
      ({ clientId }) => sftp.ledger.credentials.rotate(clientId, randomBytes(20).toString('hex')),
      ({ key: name }) => sftp.ledger.tenants.disable(name),
    ];
    for (const end of ends) {
      const own = await sftp.addTenant();
      const session = await open(await connect(passwordOf(own)));
      await end(own, '');
      await expect(list(session, '.')).rejects.toThrow();
    }
    const own = await sftp.addTenant();
    const fingerprint = await sftp.addKey(own);
    const session = await open(await connect({ username: own.key, privateKey: key }));
    await sftp.ledger.sftpKeys.disable(own.key, fingerprint, 'test');
    await expect(list(session, '.')).rejects.toThrow();
    await expect(connect({ username: own.key, privateKey: key })).rejects.toThrow();
  });

  it('counts failures by client id, for all addresses and the API', async () => {
    const { gateway } = await sftp.start({ failuresMax: 3 });
    const own = await sftp.addTenant();
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await expect(connect({ username: own.clientId, password: 'wrong' }, gateway.port)).rejects.toThrow();
    }
    await expect(connect(passwordOf(own), gateway.port)).rejects.toThrow();
    expect(sftp.logged.join('')).toContain('too many failed log-ins');
  });

  it('is one too many for a tenant that has its sessions', async () => {
    const { gateway } = await sftp.start({ tenantSessionsMax: 1 });
    const own = await sftp.addTenant();
    const first = await connect(passwordOf(own), gateway.port);
    await expect(connect(passwordOf(own), gateway.port)).rejects.toThrow();
    first.end();
    await expect.poll(() => gateway.sessions).toBe(0);
    await connect(passwordOf(own), gateway.port);
  });

  it('must not take too long, and its session ends when it is idle', async () => {
    const { gateway } = await sftp.start({ limits: { loginMs: 3000, idleMs: 100 } });
    const closed = [createConnection(gateway.port, LOOPBACK).resume(), await connect(passwordOf(tenant), gateway.port)];
    await Promise.all(
      closed.map((each) => new Promise((resolve) => (each as NodeJS.EventEmitter).on('close', resolve))),
    );
  });

  it('writes no secret into the log', async () => {
    expect(sftp.logged.join('')).not.toContain(tenant.secret);
    expect(sftp.logged.join('')).not.toContain(other.secret);
  });
});

describe('the gateway', () => {
  it('has one host key for all instances, which the ledger keeps', async () => {
    const made = await Promise.all(['a', 'b'].map((key) => sftp.ledger.sftpHostKey.obtain(() => key)));
    expect(made).toEqual([sftp.hostKey.privateKey, sftp.hostKey.privateKey]);
    const { stdout } = await execa('ssh-keygen', ['-l', '-f', sftp.path('known_hosts')]);
    expect(stdout).toContain(sftp.hostKey.fingerprint);
  });

  it.each([
    ['ed25519', []],
    ['ecdsa', ['-m', 'PEM']],
    ['rsa', []],
  ] as const)('takes a host key of its settings: %s', async (type, more) => {
    const path = sftp.path(`host-${type}`);
    await execa('ssh-keygen', ['-q', '-t', type, '-N', '', '-f', path, ...more]);
    const hostKey = await readHostKey(sftp.ledger, { WAYBILL_SFTP_HOST_KEY: (await readFile(path, 'utf8')).trimEnd() });
    const { stdout } = await execa('ssh-keygen', ['-l', '-f', `${path}.pub`]);
    expect(stdout).toContain(hostKey.fingerprint);
    const { gateway } = await sftp.start({ hostKey: hostKey.privateKey });
    await connect(passwordOf(tenant), gateway.port);
  });

  it('refuses a host key with a passphrase', async () => {
    await execa('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'a passphrase', '-f', sftp.path('closed')]);
    const closed = await readFile(sftp.path('closed'), 'utf8');
    await expect(readHostKey(sftp.ledger, { WAYBILL_SFTP_HOST_KEY: closed })).rejects.toThrow('without a passphrase');
  });

  it('takes the address of the client from a trusted proxy, and from nobody else', async () => {
    const own = await sftp.addTenant();
    const { gateway } = await sftp.start({ trustedProxies: [LOOPBACK] });
    const through = async (header: Buffer | string, port = gateway.port) => {
      const sock = createConnection(port, LOOPBACK);
      closeAtEnd(() => sock.destroy());
      sock.write(header);
      const client = new ssh2.Client();
      return ask<void>((done) => {
        client
          .on('ready', () => done(null))
          .on('error', done)
          .on('close', () => done(new Error('closed')));
        client.connect({ sock, ...passwordOf(own) });
      });
    };
    await through('PROXY TCP4 192.0.2.7 192.0.2.1 4711 2222\r\n');
    const audit = await sftp.ledger.audit.list(own.key, 1);
    expect(audit).toMatchObject([{ action: 'sftp.logged_in', detail: { address: '192.0.2.7' } }]);
    await expect(through('')).rejects.toThrow();
    await expect(through('PROXY TCP4 192.0.2.7 192.0.2.1 4711 2222\r\n', sftp.gateway.port)).rejects.toThrow();
  });

  it('lets a transfer finish when it stops, and serves again on the same port', async () => {
    const port = await freePort();
    const { gateway } = await sftp.start({ port });
    const session = await open(await connect(passwordOf(tenant), port));
    const path = `${DAY}/user/user.csv`;
    const handle = await ask<Buffer>((done) => session.open(path, 'r', done));
    const stopped = gateway.close(20_000);
    await expect(connect(passwordOf(tenant), port)).rejects.toThrow();
    const target = Buffer.alloc(30_000);
    await ask((done) =>
      session.read(handle, target, 0, target.length, 11_000_000, (error, bytes) => done(error, bytes)),
    );
    expect(target.equals(user.subarray(11_000_000, 11_030_000))).toBe(true);
    session.close(handle, () => undefined);
    await stopped;
    await sftp.start({ port });
    expect((await read(await open(await connect(passwordOf(tenant), port)), path)).equals(user)).toBe(true);
  });
});
