import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { Envelope, PublicKeys } from '../contracts/envelope.ts';
import { manifestKey } from '../contracts/keys.ts';
import { openBucket } from './bucket.ts';
import { closeAtEnd } from './cleanup.ts';
import { waybill } from './cli-run.ts';
import { useStack } from './context.ts';
import { exportPrefix } from './keys.ts';
import { ALWAYS, createOnDemandClient } from './on-demand-client.ts';

const TENANT = 'dreambuilder';
const execute = promisify(execFile);

/** Runs the command line as the tenant. */
function runCli(...args: readonly string[]) {
  return waybill(args, {
    WAYBILL_URL: useStack().urls.api,
    WAYBILL_CLIENT_ID: TENANT,
    WAYBILL_CLIENT_SECRET: `${TENANT}-demo-secret`,
  });
}

async function scratch(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'waybill-signature-'));
  closeAtEnd(() => rm(directory, { recursive: true }));
  return directory;
}

/** An export in a directory, with its manifest, the signed manifest and the deployment's keys. */
async function saveExport() {
  const { urls } = useStack();
  const client = createOnDemandClient(urls.api, TENANT);
  const id = await client.order({ ...ALWAYS, exportType: 'NETWORKS', format: 'CSV' });
  await client.ended(id, 60);
  const directory = await scratch();
  const file = join(directory, 'networks.csv');
  const saved = await runCli('exports', 'download', id, '-o', file, '--save-manifest');
  expect(saved.code, saved.errors).toBe(0);
  const keys = join(directory, 'keys.json');
  await writeFile(keys, await (await fetch(`${urls.api}/.well-known/waybill-keys.json`)).text());
  return {
    id,
    client,
    directory,
    file,
    keys,
    manifest: `${file}.manifest.json`,
    envelope: `${file}.manifest.dsse.json`,
  };
}

it('a manifest is signed with a published key; OpenSSL and waybill verify agree', async () => {
  const { directory, keys, manifest, envelope } = await saveExport();
  const { payload, payloadType, signatures } = Envelope.parse(JSON.parse(await readFile(envelope, 'utf8')));
  const body = await readFile(manifest);
  expect(Buffer.from(payload, 'base64').equals(body)).toBe(true);

  const published = PublicKeys.parse(JSON.parse(await readFile(keys, 'utf8')));
  const key = published.keys.find(({ kid }) => kid === signatures[0]?.keyid);
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), Buffer.from(key?.x ?? '', 'base64url')]);
  const at = (name: string) => join(directory, name);
  await writeFile(at('key.der'), der);
  await writeFile(at('signature'), Buffer.from(signatures[0]?.sig ?? '', 'base64'));
  await writeFile(
    at('signed'),
    Buffer.concat([Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${body.length} `), body]),
  );
  const openssl = ['pkeyutl', '-verify', '-rawin', '-pubin', '-keyform', 'DER', '-inkey', at('key.der')];
  const { stdout } = await execute('openssl', [...openssl, '-sigfile', at('signature'), '-in', at('signed')]);
  expect(stdout).toContain('Signature Verified Successfully');

  const verified = await runCli('verify', manifest, '--keys', keys);
  expect([verified.code, verified.output]).toEqual([0, expect.stringContaining(`signed with key ${key?.kid}`)]);
});

it('a manifest and files that were replaced together are found out', async () => {
  const { file, keys, manifest, envelope } = await saveExport();
  const forged = (await readFile(manifest, 'utf8')).replaceAll('"tenant": "dreambuilder"', '"tenant": "acme"');
  await writeFile(manifest, forged);
  const refused = await runCli('verify', manifest, '--keys', keys);
  expect([refused.code, refused.output]).toEqual([
    1,
    expect.stringContaining('The manifest is not the one that was signed.'),
  ]);
  await rm(envelope);
  const unsigned = await runCli('verify', manifest, '--keys', keys);
  expect([unsigned.code, unsigned.output]).toEqual([1, expect.stringContaining('The manifest is not signed.')]);
  expect((await runCli('verify', manifest)).code, 'without keys, files and sums are what counts').toBe(0);
  expect((await runCli('verify', manifest, '--keys', file)).code).toBe(2);
});

it('a manifest without a signature is served as before, and says that it has none', async () => {
  const { id, client, directory } = await saveExport();
  const bucket = openBucket();
  const key = manifestKey(exportPrefix(TENANT, id));
  const body = await bucket.get(key);
  await bucket.put(key, body ?? Buffer.alloc(0), 'application/json');
  expect((await client.request('GET', `/exports/${id}/manifest`)).status).toBe(200);
  expect((await client.request('GET', `/exports/${id}/manifest/signature`)).status).toBe(404);
  const again = join(directory, `${randomUUID()}.csv`);
  expect((await runCli('exports', 'download', id, '-o', again, '--save-manifest')).code).toBe(0);
});
