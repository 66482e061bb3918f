import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { execa } from 'execa';
import ssh2, { type SFTPWrapper } from 'ssh2';
import { expect, it } from 'vitest';
import { LOOPBACK } from '../stack/ports.ts';
import { createSupervisor } from '../stack/supervisor.ts';
import { sha256Of } from '../stores/delivery-fixture.ts';
import { closeAtEnd } from './cleanup.ts';
import { useStack } from './context.ts';
import { ETHERNET, startNetwork } from './network.ts';
import { QUIET } from './programs.ts';
import { startSftp } from './sftp-set-up.ts';

const DAY = '2026/11/28';

it('a client that stops reading holds little, and is cut', async () => {
  const sftp = await startSftp({ limits: { stallMs: 1000 } });
  const tenant = await sftp.addTenant();
  const content = randomBytes(64 * 1024 * 1024);
  await tenant.deliver('2026-11-28', { user: [content] });
  const client = new ssh2.Client();
  closeAtEnd(() => client.destroy());
  await new Promise((resolve) => {
    client.on('error', () => undefined);
    client.on('ready', () => resolve(undefined));
    client.connect({ host: LOOPBACK, port: sftp.gateway.port, username: tenant.clientId, password: tenant.secret });
  });
  const session = await new Promise<SFTPWrapper>((resolve, reject) =>
    client.sftp((error, opened) => (error ? reject(error) : resolve(opened))),
  );
  const handle = await new Promise<Buffer>((resolve, reject) =>
    session.open(`${DAY}/user/user.csv`, 'r', (error, opened) => (error ? reject(error) : resolve(opened))),
  );
  const socket = (client as unknown as { readonly _sock: { pause(): void } })._sock;
  for (let at = 0; at < content.length; at += 32_768) {
    session.read(handle, Buffer.alloc(32_768), 0, 32_768, at, () => undefined);
  }
  const requested = process.memoryUsage().arrayBuffers;
  socket.pause();
  await expect.poll(() => sftp.gateway.sessions).toBe(0);
  // What the client has prepared for the answers is not the gateway's.
  expect(process.memoryUsage().arrayBuffers - requested).toBeLessThan(24 * 1024 * 1024);
});

it('a network in segments of 1,400 bytes changes nothing', async () => {
  const sftp = await startSftp();
  const tenant = await sftp.addTenant();
  await sftp.addKey(tenant);
  const parts = [randomBytes(2_000_000), randomBytes(1_500_001)];
  await tenant.deliver('2026-11-28', { user: parts });
  const { environment } = useStack();
  const supervisor = createSupervisor(QUIET);
  closeAtEnd(() => supervisor.stop());
  const settings = { ...sftp.settings, WAYBILL_API_PORT: String(sftp.gateway.port) };
  // The link of callers leads to the gateway.
  const network = await startNetwork(supervisor, settings, environment);
  await network.disturb('api', ETHERNET);
  const port = Number(new URL(network.url).port);
  const options = ['-o', 'StrictHostKeyChecking=no', '-o', 'RekeyLimit=500K', '-o', `UserKnownHostsFile=/dev/null`];
  await execa('sftp', [...options, ...sftp.sshOptions(port), '-b', '-', `${tenant.key}@${LOOPBACK}`], {
    input: `get ${DAY}/user/user.csv ${sftp.path('sliced.csv')}\n`,
  });
  expect(sha256Of(await readFile(sftp.path('sliced.csv')))).toBe(sha256Of(...parts));
});

it('a client that asks for keys again and again in the middle of answers gets every byte', async () => {
  const sftp = await startSftp();
  const tenant = await sftp.addTenant();
  await sftp.addKey(tenant);
  const content = randomBytes(20_000_000);
  await tenant.deliver('2026-11-28', { user: [content] });
  const options = ['-o', 'RekeyLimit=64K', '-R', '64'];
  await execa('sftp', [...options, ...sftp.sshOptions(), '-b', '-', `${tenant.key}@${LOOPBACK}`], {
    input: `get ${DAY}/user/user.csv ${sftp.path('rekeyed.csv')}\n`,
  });
  expect(sha256Of(await readFile(sftp.path('rekeyed.csv')))).toBe(sha256Of(content));
});

it('an exchange of keys that the gateway begins loses no byte', async () => {
  const sftp = await startSftp({ limits: { rekeyBytes: 1_000_000 } });
  const tenant = await sftp.addTenant();
  await sftp.addKey(tenant);
  const content = randomBytes(20_000_000);
  await tenant.deliver('2026-11-28', { user: [content] });
  for (const cipher of ['aes128-ctr', 'aes256-gcm@openssh.com']) {
    await execa('sftp', ['-c', cipher, ...sftp.sshOptions(), '-b', '-', `${tenant.key}@${LOOPBACK}`], {
      input: `get ${DAY}/user/user.csv ${sftp.path('rekeyed.csv')}\n`,
    });
    expect(sha256Of(await readFile(sftp.path('rekeyed.csv')))).toBe(sha256Of(content));
  }
});
