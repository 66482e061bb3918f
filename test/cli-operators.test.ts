import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { waybill } from './cli-run.ts';
import { type StartedLedger, startLedger } from './ledger-set-up.ts';

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
