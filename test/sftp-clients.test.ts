import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, describe, expect, it } from 'vitest';
import { LOOPBACK } from '../stack/ports.ts';
import { pythonWith } from '../stack/python.ts';
import { sha256Of } from '../stores/delivery-fixture.ts';
import { closeAtEnd } from './cleanup.ts';
import { type SftpTenant, type StartedSftp, startSftp } from './sftp-set-up.ts';

const parts = [randomBytes(9_000_000), randomBytes(1), randomBytes(7_000_003)];
const user = Buffer.concat(parts);
const year = Buffer.from('id\n1\n');
const ENDED_AT = new Date('2026-11-28T02:03:04.000Z');
const DAY = '2026/11/28';

let sftp: StartedSftp;
let tenant: SftpTenant;
let port: string;

beforeAll(async () => {
  sftp = await startSftp();
  tenant = await sftp.addTenant();
  port = String(sftp.gateway.port);
  await sftp.addKey(tenant);
  const files = { user: parts, 'user.deleted': [Buffer.from('id\n7\n')], year: [year], empty: [Buffer.alloc(0)] };
  await tenant.deliver('2026-11-28', files, { endedAt: ENDED_AT });
});

/** A new directory for what one client downloads. */
async function folder(name: string): Promise<string> {
  const path = sftp.path(name);
  await mkdir(path);
  return path;
}

async function expectUser(path: string): Promise<void> {
  expect(sha256Of(await readFile(path))).toBe(sha256Of(user));
}

const batch = (commands: readonly string[], cwd: string, options: readonly string[] = []) =>
  execa('sftp', [...options, ...sftp.sshOptions(), '-b', '-', `${tenant.key}@${LOOPBACK}`], {
    input: `${commands.join('\n')}\n`,
    cwd,
  });

describe('OpenSSH', () => {
  it('sftp fetches a tree with its times, and its checksums hold', async () => {
    const cwd = await folder('sftp');
    await batch(['get -pR 2026'], cwd);
    await expectUser(join(cwd, DAY, 'user/user.csv'));
    expect((await stat(join(cwd, DAY, 'user/user.csv'))).mtime).toEqual(ENDED_AT);
    expect((await readFile(join(cwd, DAY, 'empty/empty.csv'))).length).toBe(0);
    for (const entity of ['user', 'year', 'empty']) {
      const sums = (await readdir(join(cwd, DAY, entity))).filter((name) => name.endsWith('.sha256'));
      await execa('sha256sum', ['-c', ...sums], { cwd: join(cwd, DAY, entity) });
    }
  });

  it('sftp resumes with reget', async () => {
    const cwd = await folder('reget');
    await writeFile(join(cwd, 'user.csv'), user.subarray(0, 5_000_001));
    await batch([`reget ${DAY}/user/user.csv`], cwd);
    await expectUser(join(cwd, 'user.csv'));
  });

  it.each([[], ['-c', 'aes256-ctr'], ['-c', 'aes256-gcm@openssh.com'], ['-o', 'MACs=hmac-sha2-512']])(
    'sftp exchanges keys again and again (%s %s)',
    async (...options) => {
      const cwd = await folder(`rekey-${options.join('')}`);
      await batch([`get ${DAY}/user/user.csv`], cwd, ['-o', 'RekeyLimit=256K', ...options]);
      await expectUser(join(cwd, 'user.csv'));
    },
  );

  it.each([
    [[], 'aes128-gcm@openssh.com'],
    [['-c', 'aes256-ctr'], 'aes256-ctr'],
    [['-c', 'aes192-ctr,aes256-gcm@openssh.com'], 'aes256-gcm@openssh.com'],
  ])('sftp %j uses the cipher %s', async (options, cipher) => {
    const { stderr } = await batch(['ls'], sftp.path(''), ['-v', ...options]);
    expect(stderr).toContain(`kex: server->client cipher: ${cipher} MAC`);
  });

  it.each([
    ['scp', []],
    ['scp -O', ['-O']],
  ] as const)('%s fetches files and directories, with their times', async (name, mode) => {
    const cwd = await folder(name);
    const from = (path: string) => `${tenant.key}@${LOOPBACK}:${path}`;
    const copy = (...args: readonly string[]) =>
      execa('scp', [...mode, ...sftp.sshOptions(), ...args], { cwd, timeout: 60_000 });
    await copy('-p', from(`${DAY}/user/user.csv`), 'file.csv');
    await expectUser(join(cwd, 'file.csv'));
    expect((await stat(join(cwd, 'file.csv'))).mtime).toEqual(ENDED_AT);
    await copy('-r', from(`/exports/${tenant.key}/${DAY}`), 'day');
    await expectUser(join(cwd, 'day/user/user.csv'));
    expect((await readdir(join(cwd, 'day'))).sort()).toEqual(['empty', 'manifest.json', 'user', 'year']);
    await expect(copy(from('nothing.csv'), '.')).rejects.toThrow(/No such file/);
    await expect(copy('file.csv', from('2026/new.csv'))).rejects.toThrow();
  });
});

describe('other programs', () => {
  it('rclone copies, and finds no difference', async () => {
    const cwd = await folder('rclone');
    const remote = `:sftp,host=${LOOPBACK},port=${port},user=${tenant.key},key_file=${sftp.path('key')},known_hosts_file=${sftp.path('known_hosts')},shell_type=none:`;
    const rclone = (...args: readonly string[]) =>
      execa('rclone', ['--config', '', '--retries', '1', ...args], { cwd, env: { HOME: sftp.home } });
    await rclone('copy', `${remote}${DAY}`, 'day');
    await expectUser(join(cwd, 'day/user/user.csv'));
    await rclone('check', '--download', `${remote}${DAY}`, 'day');
    // Four streams that read different places of one file.
    const streams = ['--multi-thread-streams', '4', '--multi-thread-cutoff', '1M'];
    await rclone('copyto', ...streams, `${remote}${DAY}/user/user.csv`, 'parallel.csv');
    await expectUser(join(cwd, 'parallel.csv'));
  });

  it('lftp mirrors with a client id and a secret, and continues a cut file', async () => {
    const cwd = await folder('lftp');
    const ssh = `ssh -a -x -F /dev/null -o UserKnownHostsFile=${sftp.path('known_hosts')} -o PubkeyAuthentication=no`;
    const lftp = (script: string) =>
      execa(
        'lftp',
        [
          '-c',
          `set sftp:connect-program "${ssh}"; set net:max-retries 2; open -u ${tenant.clientId},${tenant.secret} sftp://${LOOPBACK}:${port}; ${script}`,
        ],
        {
          cwd,
          env: { HOME: sftp.home },
        },
      );
    await lftp(`mirror --parallel=2 ${DAY} day`);
    await expectUser(join(cwd, 'day/user/user.csv'));
    await truncate(join(cwd, 'day/user/user.csv'), 4_000_000);
    await lftp(`get -c ${DAY}/user/user.csv -o day/user/user.csv`);
    await expectUser(join(cwd, 'day/user/user.csv'));
  });

  it('sshfs mounts it, for reading in any order', async ({ skip }) => {
    const device = await open('/dev/fuse', 'r+').catch(() => undefined);
    await device?.close();
    if (!device) skip('FUSE is not available on this machine');
    const mount = await folder('mount');
    const options = [
      '-o',
      `IdentityFile=${sftp.path('key')},UserKnownHostsFile=${sftp.path('known_hosts')},ssh_command=ssh -F /dev/null`,
    ];
    await execa('sshfs', ['-p', port, `${tenant.key}@${LOOPBACK}:`, mount, ...options]);
    closeAtEnd(() => execa('fusermount3', ['-u', mount]));
    await expectUser(join(mount, DAY, 'user/user.csv'));
    const file = await open(join(mount, DAY, 'user/user.csv'));
    try {
      for (const at of [12_000_000, 0, 8_999_999, 15_999_990, 3_000_000]) {
        const { buffer, bytesRead } = await file.read(Buffer.alloc(100_000), 0, 100_000, at);
        expect(buffer.subarray(0, bytesRead).equals(user.subarray(at, at + 100_000))).toBe(true);
      }
    } finally {
      await file.close();
    }
    await expect(writeFile(join(mount, 'new'), 'x')).rejects.toThrow();
  });
});

describe('Python', () => {
  const run = async (packages: readonly string[], script: string) =>
    execa(await pythonWith(packages), ['-c', script], {
      env: {
        PORT: port,
        USER_ID: tenant.clientId,
        SECRET: tenant.secret,
        KEY: sftp.path('key'),
        FILE: `${DAY}/user/user.csv`,
      },
    });

  it('paramiko reads with and without prefetching', async () => {
    const { stdout } = await run(
      ['paramiko==5.1.0'],
      `
import hashlib, os, paramiko
client = paramiko.SSHClient()
client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
client.connect('${LOOPBACK}', int(os.environ['PORT']), os.environ['USER_ID'], os.environ['SECRET'], allow_agent=False, look_for_keys=False)
sftp = client.open_sftp()
with sftp.open(os.environ['FILE']) as file:
    file.prefetch()
    print(hashlib.sha256(file.read()).hexdigest())
with sftp.open(os.environ['FILE']) as file:
    file.seek(8_999_000)
    print(hashlib.sha256(file.read(1_000_000)).hexdigest())
try:
    sftp.open('new.csv', 'w')
except PermissionError as error:
    print('refused')
client.close()
`,
    );
    const middle = user.subarray(8_999_000, 9_999_000);
    expect(stdout.split('\n')).toEqual([sha256Of(user), sha256Of(middle), 'refused']);
  });

  it('asyncssh reads several files at once', async () => {
    const { stdout } = await run(
      ['asyncssh==2.24.1'],
      `
import asyncio, hashlib, os, asyncssh
async def main():
    options = dict(port=int(os.environ['PORT']), username=os.environ['USER_ID'], password=os.environ['SECRET'], known_hosts=None, client_keys=None)
    async with asyncssh.connect('${LOOPBACK}', **options) as connection:
        async with connection.start_sftp_client() as sftp:
            async def digest():
                async with sftp.open(os.environ['FILE'], 'rb') as file:
                    return hashlib.sha256(await file.read()).hexdigest()
            print('\\n'.join(await asyncio.gather(*[digest() for _ in range(4)])))
asyncio.run(main())
`,
    );
    expect(stdout.split('\n')).toEqual(Array(4).fill(sha256Of(user)));
  });
});
