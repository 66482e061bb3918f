import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { execa } from 'execa';
import { beforeAll, describe, expect, it } from 'vitest';
import { LOOPBACK } from '../stack/ports.ts';
import { type SftpTenant, type StartedSftp, startSftp } from './sftp-set-up.ts';

let sftp: StartedSftp;
let tenant: SftpTenant;
const parts = [randomBytes(3_000_000), randomBytes(1), randomBytes(2_000_001)];
const user = Buffer.concat(parts);

beforeAll(async () => {
  sftp = await startSftp();
  tenant = await sftp.addTenant();
  await tenant.deliver('2026-11-27', { user: [Buffer.from('id\n0\n')] });
  await tenant.deliver('2026-11-28', {
    user: parts,
    'user.deleted': [Buffer.from('id\n7\n')],
    year: [Buffer.from('id\n')],
  });
});

async function batch(commands: readonly string[], { clientId, secret } = tenant, options: readonly string[] = []) {
  return execa(
    'sftp',
    [
      ...sftp.sshOptions(),
      '-o',
      'PubkeyAuthentication=no',
      ...options,
      '-o',
      'BatchMode=no',
      '-b',
      '-',
      `${clientId}@${LOOPBACK}`,
    ],
    {
      input: `${commands.join('\n')}\n`,
      env: await sftp.askpass(secret),
      reject: false,
      cwd: sftp.home,
    },
  );
}

describe('the sftp program with a client id and a secret', () => {
  it("starts in the tenant's directory and lists every day", async () => {
    const { stdout, stderr } = await batch([
      'pwd',
      'ls -1',
      'ls -1 2026/11',
      'ls -1 2026/11/28',
      'ls -1 2026/11/28/user',
    ]);
    expect(stderr).not.toContain('denied');
    expect(stdout).toContain(`Remote working directory: /exports/${tenant.key}`);
    expect(stdout).toContain('2026/11/27');
    expect(stdout).toContain('user.deleted.csv.sha256');
    expect(stdout).toContain('manifest.json');
  });

  it('reads a file of several parts as one', async () => {
    await batch(['get 2026/11/28/user/user.csv', 'get 2026/11/28/user/user.csv.sha256']);
    expect((await readFile(sftp.path('user.csv'))).equals(user)).toBe(true);
    await execa('sha256sum', ['-c', 'user.csv.sha256'], { cwd: sftp.home });
  });
});
