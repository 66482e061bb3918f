import { randomBytes } from 'node:crypto';
import { open, truncate } from 'node:fs/promises';
import { execa } from 'execa';
import { beforeAll, expect, it } from 'vitest';
import { LOOPBACK } from '../stack/ports.ts';
import { type SftpTenant, type StartedSftp, startSftp } from './sftp-set-up.ts';

/** One part, again and again: 64 MiB more than the gateway sends before it exchanges keys again. */
const PART = randomBytes(64 * 1024 * 1024);
const PARTS = 17;
const REMOTE = '2026/11/28/user/user.csv';

let sftp: StartedSftp;
let tenant: SftpTenant;
beforeAll(async () => {
  sftp = await startSftp();
  tenant = await sftp.addTenant();
  await sftp.addKey(tenant);
  await tenant.deliver('2026-11-28', { user: Array.from({ length: PARTS }, () => PART) }, { sums: false });
}, 240_000);

async function expectWhole(path: string): Promise<void> {
  const file = await open(path);
  try {
    expect((await file.stat()).size).toBe(PARTS * PART.length);
    const buffer = Buffer.alloc(PART.length);
    for (let place = 0; place < PARTS; place += 1) {
      await file.read(buffer, 0, buffer.length, place * buffer.length);
      expect(buffer.equals(PART), `part ${place}`).toBe(true);
    }
  } finally {
    await file.close();
  }
}

/** @returns how often the session has agreed on keys */
async function download(command: string): Promise<number> {
  const { stderr } = await execa('sftp', ['-v', ...sftp.sshOptions(), '-b', '-', `${tenant.key}@${LOOPBACK}`], {
    input: `${command}\n`,
  });
  return stderr.split('SSH2_MSG_NEWKEYS received').length - 1;
}

it('a session of more than 1 GiB gets new keys on the way, and a file is continued behind that', async () => {
  const target = sftp.path('user.csv');
  expect(await download(`get ${REMOTE} ${target}`)).toBe(2);
  await expectWhole(target);
  await truncate(target, 16 * PART.length + 12_345);
  expect(await download(`reget ${REMOTE} ${target}`)).toBe(1);
  await expectWhole(target);
}, 240_000);
