import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { archivePasswordsOf } from '../stores/remotes/archive-passwords.ts';
import { generateKey } from '../streams/age/keys.ts';
import { temporaryFolder } from './cleanup.ts';
import { waybill } from './cli-run.ts';
import { type StartedLedger, startLedger } from './ledger-set-up.ts';

const newRecipient = async () => (await generateKey({ postQuantum: false })).recipient;

let started: StartedLedger;

beforeAll(async () => {
  started = await startLedger();
});

afterAll(() => started?.stop());

const operator = (...args: readonly string[]) => waybill(args, { WAYBILL_LEDGER_URL: started.url });

async function addTenant() {
  const key = `t-${randomUUID()}`;
  const { output } = await operator('tenant', 'add', key, '--title', 'A \u001b[2Jtenant', '--json');
  return { key, ...(JSON.parse(output) as { clientId: string; secret: string; scopes: string[] }) };
}

describe('an operator', () => {
  test('adds a tenant whose credential works, with a secret of 256 bits', async () => {
    const { key, clientId, secret } = await addTenant();
    expect(secret).toMatch(/^wbs_[\w-]{43}$/);
    expect(await started.ledger.credentials.verify(clientId, secret)).toMatchObject({ tenant: key });
    expect((await operator('tenant', 'add', key)).code).toBe(2);
    const shown = await operator('tenant', 'show', key);
    expect(shown.output).toContain('A \uFFFD[2Jtenant');
    expect(shown.output + shown.errors).not.toContain(secret);
    expect((await operator('tenant', 'list')).output).toContain(key);
  });

  test('adds a credential that only reads, rotates and disables it', async () => {
    const { key } = await addTenant();
    const clientId = `c-${randomUUID()}`;
    const added = await operator('tenant', 'add-credential', key, '--client-id', clientId, '--read-only', '--json');
    expect(JSON.parse(added.output)).toMatchObject({ scopes: ['read'], clientId });
    const rotated = await operator('tenant', 'rotate', clientId, '--json');
    const [before, after] = [added, rotated].map(({ output }) => String(JSON.parse(output).secret));
    expect(await started.ledger.credentials.verify(clientId, before ?? '')).toBeUndefined();
    expect(await started.ledger.credentials.verify(clientId, after ?? '')).toBeDefined();
    expect((await operator('tenant', 'disable', 'other', '--client-id', clientId)).code).toBe(1);
    expect((await operator('tenant', 'disable', key, '--client-id', clientId)).code).toBe(0);
    expect(await started.ledger.credentials.verify(clientId, after ?? '')).toBeUndefined();
  });

  test('sets and shows the key of a tenant in the warehouse', async () => {
    const { key } = await addTenant();
    const value = `GERMANY ${key}`;
    expect((await operator('tenant', 'warehouse-key', key)).output.trim()).toBe(key);
    expect((await operator('tenant', 'warehouse-key', key, value)).output.trim()).toBe(value);
    expect(JSON.parse((await operator('tenant', 'warehouse-key', key, '--json')).output)).toEqual({
      tenant: key,
      warehouseKey: value,
    });
    expect((await operator('tenant', 'show', key)).output).toContain(value);
    const other = `t-${randomUUID()}`;
    const refused = await operator('tenant', 'add', other, '--warehouse-key', value);
    expect([refused.code, refused.errors]).toEqual([2, expect.stringContaining('already belongs to a tenant')]);
    expect((await operator('tenant', 'warehouse-key', key, value, '--default')).code).toBe(2);
    expect((await operator('tenant', 'warehouse-key', key, '--default')).output.trim()).toBe(key);
    expect((await operator('tenant', 'add', other, '--warehouse-key', value)).code).toBe(0);
  });

  test('locks a tenant out, sets its limits one by one, and finds it all in the audit trail', async () => {
    const { key, clientId, secret } = await addTenant();
    await operator('tenant', 'limits', key, '--exports', '3');
    await operator('tenant', 'limits', key, '--requests', '100');
    expect(await started.ledger.tenants.find(key)).toMatchObject({ exportsMax: 3, requestsMax: 100 });
    await operator('tenant', 'limits', key, '--exports', 'default');
    expect(await started.ledger.tenants.find(key)).toMatchObject({ exportsMax: null, requestsMax: 100 });
    await operator('tenant', 'disable', key);
    expect(await started.ledger.credentials.verify(clientId, secret)).toBeUndefined();
    const { output } = await operator('audit', '--tenant', key, '--limit', '2');
    expect(output).toContain('tenant.disabled');
    expect(output).not.toContain('tenant.added');
    expect((await operator('tenant', 'enable', key)).code).toBe(0);
    expect(await started.ledger.credentials.verify(clientId, secret)).toBeDefined();
    expect((await operator('audit', '--tenant', key, '--limit', '1')).output).toContain('tenant.enabled');
    const all = await operator('audit', '--tenant', key, '--json');
    expect(JSON.parse(all.output)).toHaveLength(7);
    expect(all.output).not.toContain(secret);
  });

  test('sets, shows and removes the contacts of a tenant', async () => {
    const { key } = await addTenant();
    const contacts = (...args: readonly string[]) => operator('tenant', 'contacts', key, ...args);
    expect(await contacts()).toMatchObject({ code: 0, output: '' });
    expect((await contacts('ann@acme.example', 'bob@acme.example')).output).toBe(
      'ann@acme.example\nbob@acme.example\n',
    );
    expect((await contacts()).output).toBe('ann@acme.example\nbob@acme.example\n');
    expect((await operator('tenant', 'show', key)).output).toMatch(/^contacts +ann@acme\.example, bob@acme\.example$/m);
    const shown = await operator('tenant', 'show', key, '--json');
    expect(JSON.parse(shown.output)).toMatchObject({ contacts: ['ann@acme.example', 'bob@acme.example'] });
    expect(await contacts('ann@acme.example', 'not an address')).toMatchObject({
      code: 2,
      errors: expect.stringContaining('Contact 2'),
    });
    expect((await contacts('--none', 'ann@acme.example')).code).toBe(2);
    expect(await started.ledger.tenants.find(key)).toMatchObject({
      contacts: ['ann@acme.example', 'bob@acme.example'],
    });
    expect(JSON.parse((await contacts('--none', '--json')).output)).toEqual({ tenant: key, contacts: [] });
    expect((await operator('tenant', 'show', key)).output).toMatch(/^contacts +none$/m);
    const trail = await operator('audit', '--tenant', key, '--json');
    expect(trail.output).toContain('tenant.contacts');
    expect(trail.output).not.toContain('@acme.example');
  });

  describe('protects archives of questionnaires', () => {
    const PASSWORD = 'correct horse battery';
    const environment = () => ({
      WAYBILL_LEDGER_URL: started.url,
      WAYBILL_SECRETS_KEY: Buffer.alloc(32, 7).toString('base64'),
    });
    const archives = (key: string, ...args: readonly string[]) =>
      waybill(['tenant', 'archives', key, ...args], environment());

    async function fileOf(text: string): Promise<string> {
      const path = join(await temporaryFolder(), 'password');
      await writeFile(path, text);
      return path;
    }

    test('by a password and recipients, and shows what is set without the password', async () => {
      const { key } = await addTenant();
      const recipients = [await newRecipient(), await newRecipient()] as const;
      expect((await archives(key)).output).toMatch(/^password +none\nsealed to +nobody\n$/);
      const set = await archives(key, '--password-file', await fileOf(`${PASSWORD}\r\n`), '--json');
      expect(JSON.parse(set.output)).toEqual({ tenant: key, password: true, recipients: [], removed: 0 });
      await archives(key, '--recipient', recipients[0], '--recipient', recipients[1]);
      const shown = await archives(key);
      expect(shown.output).toMatch(/^password +set\n/);
      for (const recipient of recipients) expect(shown.output).toContain(recipient);
      const { password = null } = (await started.ledger.archives.settings(key)) ?? {};
      const sealer = archivePasswordsOf(environment());
      expect(sealer?.open(key, password ?? Buffer.alloc(0))).toBe(PASSWORD);
      expect(password?.includes(PASSWORD)).toBe(false);
      await archives(key, '--without-password');
      expect(JSON.parse((await archives(key, '--without-recipients', '--json')).output)).toEqual({
        ...{ tenant: key, password: false, recipients: [], removed: 0 },
      });
      const trail = await operator('audit', '--tenant', key, '--json');
      const lines = (JSON.parse(trail.output) as { action: string; detail: unknown; actor: string }[]).filter(
        ({ action }) => action === 'tenant.archives',
      );
      expect(lines.map(({ detail, actor }) => [detail, actor])).toEqual(
        [{ recipients: 0 }, { password: false }, { recipients: 2 }, { password: true }].map((line) => [
          line,
          'operator',
        ]),
      );
      expect(trail.output + shown.output + set.output).not.toContain(PASSWORD);
    });

    test('by a password from standard input', async () => {
      const { key } = await addTenant();
      const main = fileURLToPath(new URL('../cli/main.ts', import.meta.url));
      const args = [main, 'tenant', 'archives', key, '--password-file', '-', '--json'];
      const { stdout } = await execa(process.execPath, args, { input: `${PASSWORD}\n`, env: environment() });
      expect(JSON.parse(stdout)).toMatchObject({ password: true });
    });

    test.each([
      ['a short password', async () => ['--password-file', await fileOf('eleven char')], 2, '12 to 99'],
      ['a long one', async () => ['--password-file', await fileOf('x'.repeat(100))], 2, '12 to 99'],
      ['one of several lines', async () => ['--password-file', await fileOf('correct horse\nbattery')], 2, '12 to 99'],
      ['one that is not ASCII', async () => ['--password-file', await fileOf('körrekt horse battery')], 2, '12 to 99'],
      ['a file that is not there', async () => ['--password-file', '/nowhere/at/all'], 2, 'cannot be read'],
      ['both', async () => ['--password-file', await fileOf(PASSWORD), '--without-password'], 2, 'not both'],
      ['no recipient', async () => ['--recipient', 'age1nonsense'], 2, 'The recipient has'],
      ['both for recipients', async () => ['--recipient', await newRecipient(), '--without-recipients'], 2, 'not both'],
      ['too many', async () => Array.from({ length: 21 }, () => ['--recipient', 'age1a']).flat(), 2, 'at most 20'],
    ] as const)('and refuses %s', async (_, args, code, message) => {
      const { key } = await addTenant();
      const given = await args();
      const refused = await archives(key, ...given);
      expect([refused.code, refused.errors]).toEqual([code, expect.stringContaining(message)]);
      expect(refused.errors).not.toMatch(/eleven|xxxx|horse|age1nonsense/);
      expect(await started.ledger.archives.settings(key)).toBeUndefined();
    });

    test('and needs the key of the deployment for a password, and a tenant that there is', async () => {
      const { key } = await addTenant();
      const password = ['--password-file', await fileOf(PASSWORD)];
      const refused = await operator('tenant', 'archives', key, ...password);
      expect([refused.code, refused.errors]).toEqual([2, expect.stringContaining('Set WAYBILL_SECRETS_KEY')]);
      expect((await archives('nobody')).code).toBe(1);
      expect((await archives('nobody', ...password)).code).toBe(1);
    });
  });

  test.each([
    [['tenant', 'contacts', 'nobody'], 1],
    [['tenant', 'contacts', 'nobody', 'ann@acme.example'], 1],
    [['tenant', 'show', 'nobody'], 1],
    [['tenant', 'disable', 'nobody'], 1],
    [['tenant', 'enable', 'nobody'], 1],
    [['tenant', 'rotate', 'nobody'], 1],
    [['tenant', 'limits', 'nobody', '--exports', '1'], 1],
    [['tenant', 'add', 'Not A Key'], 2],
    [['tenant', 'add-credential', 'nobody', '--client-id', 'x'], 1],
    [['ledger', 'migrate'], 0],
    [['ledger', 'rebuild'], 2],
  ])('%j ends with %d', async (args, code) => {
    expect((await operator(...args)).code).toBe(code);
  });
});
