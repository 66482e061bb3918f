import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { Client as Bucket } from 'minio';
import { beforeAll, describe, expect, test } from 'vitest';
import { LOOPBACK } from '../stack/ports.ts';
import { startGateway } from '../stack/stack.ts';
import { createSupervisor } from '../stack/supervisor.ts';
import { closeAtEnd } from './cleanup.ts';
import { startOwnServices, useStack } from './context.ts';
import { readPage, runBlocks } from './documented.ts';
import { startSshServer } from './ssh-server.ts';

const [chain, sftp, push] = await Promise.all(['docs/chain.md', 'docs/sftp.md', 'docs/push.md'].map(readPage));
const services = await startOwnServices();
const { settings } = services;
const supervisor = createSupervisor({ line: () => undefined, crashed: () => undefined });
closeAtEnd(() => supervisor.stop());
await startGateway(supervisor, { settings, environment: useStack().environment });
const servers = { api: services.url, sftpPort: Number(settings.WAYBILL_SFTP_PORT) };

type Page = Awaited<ReturnType<typeof readPage>> | undefined;
/** @param outputs of the blocks of a page */
const outputOf = (page: Page, outputs: readonly string[], line: string) =>
  outputs[page?.blocks.findIndex((block) => block.includes(line)) ?? -1] ?? '';

/** Registers and runs, so it comes first. */
describe('docs/chain.md', () => {
  let outputs: readonly string[];
  beforeAll(async () => {
    outputs = await runBlocks(chain?.blocks ?? [], servers);
  });

  test.each([
    ['recurring run', /delivered[\s\S]*user +complete/],
    ['ssh-keygen', /^\{"fingerprint":"SHA256:/],
    [
      'verify --chain exports\n',
      /^✓ content +complete [\s\S]*^! the signatures[\s\S]*^No problem in 1 day of acme[\s\S]*^✓ 1 manifest signed with key [\s\S]*^No problem/m,
    ],
    [
      'verify --chain "$WAYBILL"',
      /^✓ content +complete [\s\S]*^✓ 1 manifest signed with key [\s\S]*^No problem in 1 day of acme/m,
    ],
    ['compose', /^user +[\d,]+ +\S*acme\.duckdb\n[\s\S]*user\.parquet\n[\s\S]*state\/user\.parquet\n/m],
  ])('the lines with %s do what they say', (line, output) => {
    expect(outputOf(chain, outputs, line)).toMatch(output);
  });
});

describe('docs/sftp.md', () => {
  let outputs: readonly string[];
  beforeAll(async () => {
    const instead = { 'postgres://waybill:waybill-demo-secret@127.0.0.1:5433/waybill': settings.WAYBILL_LEDGER_URL };
    outputs = await runBlocks(sftp?.blocks ?? [], { ...servers, instead });
  });

  test.each([
    ['ssh-keygen -q', /^\{"fingerprint":"SHA256:.*\n\{"keys":\[.*"publicKey":"ssh-ed25519 /],
    ['sftp-key list', /SHA256:/],
    ['lftp', /user\.csv: OK\n$/],
    ['DELETE', /^204\n$/],
  ])('the lines with %s do what they say', (line, output) => {
    expect(outputOf(sftp, outputs, line)).toMatch(output);
  });
});

describe('docs/push.md', () => {
  const tested = /"status":"success".*\n?.*"kind":"(sftp|s3)"/;

  test('the lines for an SFTP server do what they say', async () => {
    const server = await startSshServer();
    const { blocks = [] } = push ?? {};
    const outputs = await runBlocks(
      blocks.filter((block) => !block.includes('AKIA')),
      {
        ...servers,
        instead: {
          '-f push-key\n': `-f push-key\ncat push-key.pub >> ${server.authorizedKeys}\n`,
          'host: "sftp.example.com", user: "waybill", path: "inbox"': `host: "${LOOPBACK}", port: ${server.port}, user: "${server.user}", path: "${server.folder}"`,
          'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl':
            server.hostKeys.ed25519.trim(),
        },
      },
    );
    expect(outputs.join('')).toMatch(tested);
    expect(
      (await readdir(server.folder, { recursive: true })).filter((path) => /manifest\.json$/.test(path)),
    ).toHaveLength(1);
  });

  test('the lines for a bucket do what they say', async () => {
    const { WAYBILL_OBJECTS_URL: url, WAYBILL_OBJECTS_ACCESS_KEY: accessKey } = settings;
    const secretKey = settings.WAYBILL_OBJECTS_SECRET_KEY;
    const region = 'us-east-1';
    const bucket = new Bucket({
      endPoint: LOOPBACK,
      port: Number(new URL(url).port),
      useSSL: false,
      region,
      accessKey,
      secretKey,
    });
    const name = `documented-${randomUUID()}`;
    await bucket.makeBucket(name, region);
    const { blocks = [] } = push ?? {};
    const outputs = await runBlocks(
      blocks.filter((block) => !block.includes('push-key')),
      {
        ...servers,
        instead: {
          '"https://s3.eu-central-1.amazonaws.com", "region": "eu-central-1"': `"${url}", "addressing": "path"`,
          '"my-inbox"': `"${name}"`,
          'AKIA…': accessKey,
          '"secretKey": "…"': `"secretKey": "${secretKey}"`,
        },
      },
    );
    expect(outputs.join('')).toMatch(tested);
    const keys = (await bucket.listObjectsV2(name, 'waybill/', true).toArray()).map(
      (item: { name: string }) => item.name,
    );
    expect(keys.filter((key: string) => key.endsWith('/manifest.json'))).toHaveLength(1);
  });
});
