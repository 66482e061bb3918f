import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { WaybillError } from '../contracts/failures.ts';
import { createLedger } from '../stores/ledger/postgres.ts';
import { addTenant, endOtherConnections, failsWith, useLedger } from './ledger-set-up.ts';

const { ledger, raw, url, server } = await useLedger();

describe('migrations', () => {
  test('run from empty in four processes at once, and again, once each', async () => {
    const empty = await server.createDatabase();
    const ledgers = Array.from({ length: 4 }, () => createLedger({ url: empty, connectionsMax: 1 }));
    await Promise.all(ledgers.map((each) => each.migrate()));
    await ledgers[0]?.migrate();
    await Promise.all(ledgers.map((each) => each.close()));
    const client = new pg.Client({ connectionString: empty });
    await client.connect();
    const { rows } = await client.query('select name from schema_migrations order by name');
    const { rowCount } = await client.query('select from deployment');
    await client.end();
    expect(rows).toEqual([
      { name: '0001_first' },
      { name: '0002_warehouse_key' },
      { name: '0003_signing_keys' },
      { name: '0004_recurring' },
      { name: '0005_sftp' },
      { name: '0006_acknowledgement' },
      { name: '0007_destinations' },
      { name: '0008_webhooks' },
      { name: '0009_requests' },
      { name: '0010_portal_sessions' },
      { name: '0011_portal_access' },
      { name: '0012_archives' },
      { name: '0013_runs_by_state' },
      { name: '0014_restored_archives' },
    ]);
    expect(rowCount).toBe(1);
  });
});

describe('a tenant', () => {
  test('is added, limited, disabled, each with its line in the trail', async () => {
    const key = await addTenant(ledger);
    await ledger.tenants.setLimits(key, { exportsMax: 3, requestsMax: null });
    await ledger.tenants.disable(key);
    const found = await ledger.tenants.find(key);
    expect(found).toMatchObject({ key, title: 'A tenant', exportsMax: 3, requestsMax: null });
    expect(found?.disabledAt).toBeInstanceOf(Date);
    await ledger.tenants.disable(key);
    expect(await ledger.tenants.find(key)).toEqual(found);
    expect(await ledger.tenants.list()).toContainEqual(found);
    const actions = (await ledger.audit.list(key, 3)).map((entry) => entry.action);
    expect(actions).toEqual(['tenant.disabled', 'tenant.disabled', 'tenant.limited']);
  });

  test.each(['', '-a', 'A', 'a/b', '../x', 'a'.repeat(64), "a'--", '\0', 'a\n'])('cannot be called %j', async (key) => {
    await expect(ledger.tenants.add({ key, title: 'x' })).rejects.toEqual(failsWith('invalid_field', 'key'));
    expect(await ledger.tenants.find(key)).toBeUndefined();
    await expect(ledger.tenants.disable(key)).rejects.toEqual(failsWith('not_found'));
  });

  test('is refused when the key is taken, or a limit makes no sense', async () => {
    const key = await addTenant(ledger);
    await expect(ledger.tenants.add({ key, title: 'x' })).rejects.toEqual(failsWith('invalid_field', 'key'));
    for (const exportsMax of [0, -1, 1.5, Number.NaN, 2 ** 31]) {
      await expect(ledger.tenants.setLimits(key, { exportsMax, requestsMax: null })).rejects.toEqual(
        failsWith('invalid_field', 'exportsMax'),
      );
    }
  });

  test('may have a key of its own in the warehouse, which no other tenant has as either', async () => {
    const [key, other] = [await addTenant(ledger), await addTenant(ledger)];
    const taken = failsWith('invalid_field', 'warehouseKey');
    await ledger.tenants.setWarehouseKey(key, 'GERMANY');
    expect(await ledger.tenants.find(key)).toMatchObject({ warehouseKey: 'GERMANY' });
    await expect(ledger.tenants.setWarehouseKey(other, 'GERMANY')).rejects.toEqual(taken);
    await expect(ledger.tenants.setWarehouseKey(key, other)).rejects.toEqual(taken);
    await expect(ledger.tenants.add({ key: `t-${randomUUID()}`, title: 'x', warehouseKey: other })).rejects.toEqual(
      taken,
    );
    await ledger.tenants.setWarehouseKey(other, key);
    await expect(ledger.tenants.setWarehouseKey(key, null)).rejects.toEqual(failsWith('invalid_field', 'key'));
    await ledger.tenants.setWarehouseKey(other, null);
    await ledger.tenants.setWarehouseKey(key, null);
    expect(await ledger.tenants.find(key)).toMatchObject({ warehouseKey: null });
    for (const value of ['', 'x'.repeat(1001), 'a\0b']) {
      await expect(ledger.tenants.setWarehouseKey(key, value)).rejects.toEqual(taken);
    }
  });

  test.each(["Robert'); drop table tenants;--", '"; $1 \\', '𝒲 ☃', ''])('keeps the title %j', async (title) => {
    const key = `t-${randomUUID()}`;
    await ledger.tenants.add({ key, title });
    expect((await ledger.tenants.find(key))?.title).toBe(title);
  });
});

describe("a tenant's contacts", () => {
  test('are none, until they are set and set again, with a count in the trail and no address', async () => {
    const key = await addTenant(ledger);
    expect((await ledger.tenants.find(key))?.contacts).toEqual([]);
    const contacts = ['b@example.com', "o'brien+export@xn--bcher-kva.example", 'B@example.com', 'ü@bücher.example'];
    await ledger.tenants.setContacts(key, [...contacts, 'b@example.com']);
    expect((await ledger.tenants.find(key))?.contacts).toEqual(contacts);
    expect((await ledger.tenants.list()).find((tenant) => tenant.key === key)?.contacts).toEqual(contacts);
    const [line] = await ledger.audit.list(key, 1);
    expect(line).toMatchObject({ actor: 'operator', action: 'tenant.contacts', detail: { contacts: 4 } });
    await ledger.tenants.setContacts(key, []);
    expect((await ledger.tenants.find(key))?.contacts).toEqual([]);
    await expect(ledger.tenants.setContacts('nobody', [])).rejects.toEqual(failsWith('not_found'));
  });

  const exactly = (length: number) => `${'x'.repeat(length - 12)}@example.com`;
  test.each([
    '',
    'x',
    '@',
    'a@',
    '@b',
    'a@b@c',
    'a b@c',
    ' a@b',
    'a@b\n',
    'a@b\r\nBcc: c@d',
    'a@b\0',
    'a\u202e@b',
    'a@b,c',
    'Ann <a@b>',
    'a@b;',
    exactly(255),
  ])('cannot be %j', async (contact) => {
    const key = await addTenant(ledger);
    const refused: unknown = await ledger.tenants.setContacts(key, ['a@b', contact]).catch((error: unknown) => error);
    expect(refused).toEqual(failsWith('invalid_field', 'contacts'));
    expect(refused instanceof WaybillError && refused.message).toContain('Contact 2 ');
    expect((await ledger.tenants.find(key))?.contacts).toEqual([]);
  });

  test('are 254 characters long and 20 in number at the most', async () => {
    const key = await addTenant(ledger);
    const twenty = Array.from({ length: 20 }, (_, index) => `a${index}@b`);
    await ledger.tenants.setContacts(key, [exactly(254), ...twenty.slice(1)]);
    await ledger.tenants.setContacts(key, [...twenty, 'a0@b']);
    await expect(ledger.tenants.setContacts(key, [...twenty, 'c@d'])).rejects.toEqual(
      failsWith('invalid_field', 'contacts'),
    );
    expect((await ledger.tenants.find(key))?.contacts).toEqual(twenty);
  });
});

describe('an idempotency key', () => {
  const WON = { won: true, attemptedAt: null };

  test('is won by exactly one of many callers', async () => {
    const key = randomUUID();
    const answers = await Promise.all(Array.from({ length: 12 }, () => ledger.idempotency.claim('t', key, 'h')));
    expect(answers.filter(({ won }) => won)).toEqual([WON]);
    expect(answers.filter(({ won }) => !won)).toEqual(Array(11).fill({ won: false, requestHash: 'h', runId: null }));
  });

  test('remembers what it answered, for its tenant only', async () => {
    const key = `${"'; drop table idempotency; --\0"}${'x'.repeat(10_000)}`;
    const runId = randomUUID();
    expect(await ledger.idempotency.claim('t', key, 'h')).toEqual(WON);
    await ledger.idempotency.settle('t', key, { runId });
    for (const late of ['failed', 'unknown'] as const) await ledger.idempotency.settle('t', key, late);
    expect(await ledger.idempotency.claim('t', key, 'other')).toEqual({ won: false, requestHash: 'h', runId });
    expect(await ledger.idempotency.claim('u', key, 'h')).toEqual(WON);
  });

  test('is free again when its claim was given up', async () => {
    const key = randomUUID();
    await ledger.idempotency.claim('t', key, 'h');
    await ledger.idempotency.settle('t', key, 'failed');
    expect(await ledger.idempotency.claim('t', key, 'h')).toEqual(WON);
  });

  test('whose result is not known is free at once, and says since when for the same request', async () => {
    const key = randomUUID();
    await ledger.idempotency.claim('t', key, 'h');
    await ledger.idempotency.settle('t', key, 'unknown');
    const again = await ledger.idempotency.claim('t', key, 'h');
    expect(again).toEqual({ won: true, attemptedAt: expect.any(Date) });
    await ledger.idempotency.settle('t', key, 'unknown');
    expect(await ledger.idempotency.claim('t', key, 'h')).toEqual(again);
    await ledger.idempotency.settle('t', key, 'unknown');
    expect(await ledger.idempotency.claim('t', key, 'another')).toEqual(WON);
  });

  test.each([
    { settled: false, age: '59 seconds', free: false },
    { settled: false, age: '61 seconds', free: true },
    { settled: true, age: '23 hours 59 minutes', free: false },
    { settled: true, age: '24 hours 1 minute', free: true },
  ])('claimed $age ago, settled: $settled, is free: $free', async ({ settled, age, free }) => {
    const tenant = `t-${randomUUID()}`;
    await ledger.idempotency.claim(tenant, 'key', 'h');
    if (settled) await ledger.idempotency.settle(tenant, 'key', { runId: randomUUID() });
    await raw.query('update idempotency set claimed_at = now() - $1::interval where tenant = $2', [age, tenant]);
    const answers = await Promise.all([1, 2].map(() => ledger.idempotency.claim(tenant, 'key', 'new')));
    expect(answers.filter(({ won }) => won)).toEqual(free ? [WON] : []);
  });
});

describe('the audit trail', () => {
  test('lists newest first, for one tenant or all', async () => {
    const tenant = `t-${randomUUID()}`;
    const runId = randomUUID();
    const detail = { note: '\'"\\ ; --', n: 1, yes: true, none: null };
    await ledger.audit.append({ tenant, actor: 'link', action: 'export.downloaded', runId, detail });
    await ledger.audit.append({ tenant: null, actor: '\0\ud800', action: 'login.failed', runId: null, detail: {} });
    expect(await ledger.audit.list(tenant, 5)).toEqual([
      { at: expect.any(Date), tenant, actor: 'link', action: 'export.downloaded', runId, detail },
    ]);
    expect((await ledger.audit.list(null, 1))[0]).toMatchObject({ actor: '\uFFFD\uFFFD', action: 'login.failed' });
  });

  test.each(['update audit set actor = $$nobody$$', 'delete from audit', 'truncate audit', 'truncate audit cascade'])(
    'cannot be changed: %s',
    async (statement) => {
      await ledger.audit.append({ tenant: null, actor: 'a', action: 'login.failed', runId: null, detail: {} });
      const before = await ledger.audit.list(null, 1000);
      await expect(raw.query(statement)).rejects.toThrow('append-only');
      expect(await ledger.audit.list(null, 1000)).toEqual(before);
    },
  );
});

describe('trouble', () => {
  test('is named without host, port, user or SQL', async () => {
    const gone = createLedger({ url: 'postgres://root:hunter22@127.0.0.1:1/nowhere', connectionsMax: 1 });
    const attempts = [gone.ping(), gone.migrate(), gone.tenants.find('a'), gone.credentials.verify('a', 'b')];
    for (const result of await Promise.allSettled(attempts)) {
      const reason: unknown = result.status === 'rejected' ? result.reason : undefined;
      expect(reason).toEqual(failsWith('ledger_unavailable'));
      expect(reason instanceof WaybillError && reason.message).not.toMatch(/127|hunter22|root|nowhere|select/);
    }
    await gone.close();
  });

  test('of a connection that the server ends is survived', async () => {
    const own = createLedger({ url: url, connectionsMax: 1 });
    await own.ping();
    await endOtherConnections(raw);
    await expect
      .poll(() =>
        own.ping().then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
    await own.close();
  });
});
