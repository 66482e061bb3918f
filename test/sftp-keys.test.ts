import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateSshKey } from '../stores/remotes/ssh-keys.ts';
import { type ComposedApi, post, type StartedApi, startApi } from './api-set-up.ts';
import { temporaryFolder } from './cleanup.ts';
import { waybill } from './cli-run.ts';

let started: StartedApi;
let api: ComposedApi;

beforeAll(async () => {
  started = await startApi();
  api = started.compose();
});
afterAll(() => started.stop());

const newKey = () => generateSshKey({ comment: 'a comment' }).public;
const KEYS = '/export/sftp-keys';

async function auditOf(tenant: string) {
  return (await started.ledger.audit.list(tenant, 100)).map(({ action, actor }) => `${action} ${actor}`);
}

describe('the API', () => {
  it('adds, lists, disables and enables keys of the own tenant, and audits each change', async () => {
    const { key: tenant, clientId, headers } = await started.addTenant();
    const other = await started.addTenant();
    const publicKey = newKey();
    const added = await api.app.request(KEYS, post(headers, { publicKey }));
    expect(added.status).toBe(200);
    const { fingerprint } = (await added.json()) as { fingerprint: string };
    const list = async (of: typeof headers) => (await api.app.request(KEYS, { headers: of })).json();
    expect(await list(headers)).toMatchObject({ keys: [{ fingerprint, disabledAt: null }] });
    expect(await list(other.headers)).toEqual({ keys: [] });

    const path = `${KEYS}/${encodeURIComponent(fingerprint)}`;
    const foreign = await api.app.request(path, { method: 'DELETE', headers: other.headers });
    expect([foreign.status, await foreign.json()]).toEqual([404, expect.objectContaining({ code: 'not_found' })]);
    expect(await started.ledger.sftpKeys.find(tenant, fingerprint)).toBeDefined();
    expect(await started.ledger.sftpKeys.find(clientId, fingerprint)).toBeDefined();
    expect(await started.ledger.sftpKeys.find(other.key, fingerprint)).toBeUndefined();

    expect((await api.app.request(path, { method: 'DELETE', headers })).status).toBe(204);
    expect((await api.app.request(path, { method: 'DELETE', headers })).status).toBe(204);
    expect(await started.ledger.sftpKeys.find(tenant, fingerprint)).toBeUndefined();
    await api.app.request(KEYS, post(headers, { publicKey }));
    expect(await started.ledger.sftpKeys.find(tenant, fingerprint)).toBeDefined();
    expect(await auditOf(tenant)).toEqual(
      expect.arrayContaining([`sftp_key.added ${clientId}`, `sftp_key.disabled ${clientId}`]),
    );
  });

  it('refuses what is no key, a credential that only reads, and a caller without one', async () => {
    const { headers, key } = await started.addTenant();
    const reader = await started.addCredential(key, ['read']);
    const refused = await api.app.request(KEYS, post(headers, { publicKey: 'ssh-dss AAAA' }));
    expect([refused.status, await refused.json()]).toEqual([
      400,
      expect.objectContaining({ code: 'invalid_field', field: 'publicKey' }),
    ]);
    expect((await api.app.request(KEYS, post(headers, {}))).status).toBe(400);
    expect((await api.app.request(KEYS, post(reader.headers, { publicKey: newKey() }))).status).toBe(403);
    expect((await api.app.request(KEYS, { headers: reader.headers })).status).toBe(200);
    expect((await api.app.request(KEYS)).status).toBe(401);
  });
});

describe('the command sftp-key', () => {
  const operator = (...args: readonly string[]) => waybill(['sftp-key', ...args], { WAYBILL_LEDGER_URL: started.url });

  it('adds a key from a file, lists and disables it', async () => {
    const { key: tenant } = await started.addTenant();
    const file = join(await temporaryFolder(), 'key.pub');
    await writeFile(file, newKey());
    const { output } = await operator('add', tenant, file, '--json');
    const { fingerprint } = JSON.parse(output) as { fingerprint: string };
    expect((await operator('list', tenant)).output).toMatch(/SHA256:\S+ +ssh-ed25519 +active/);
    expect((await operator('disable', tenant, fingerprint)).code).toBe(0);
    expect((await operator('list', tenant)).output).toContain('disabled');
    expect((await auditOf(tenant)).slice(0, 2)).toEqual(['sftp_key.disabled operator', 'sftp_key.added operator']);
  });

  it('explains what is wrong', async () => {
    const { key: tenant } = await started.addTenant();
    const file = join(await temporaryFolder(), 'key.pub');
    await writeFile(file, 'nothing');
    expect((await operator('add', tenant, file)).code).toBe(2);
    expect((await operator('add', tenant, `${file}.missing`)).errors).toContain('cannot be read');
    await writeFile(file, newKey());
    expect((await operator('add', 'nobody', file)).errors).toContain('nobody');
    expect((await operator('disable', tenant, 'SHA256:unknown')).errors).toContain('no SFTP key');
  });
});
