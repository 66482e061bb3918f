import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WaybillError } from '../contracts/failures.ts';
import type { Ledger } from '../stores/ledger/ledger.ts';
import { createLedger } from '../stores/ledger/postgres.ts';
import { addTenant, failsWith, type StartedLedger, startLedger } from './ledger-set-up.ts';

let started: StartedLedger;
let ledger: Ledger;

beforeAll(async () => {
  started = await startLedger();
  ledger = started.ledger;
});

afterAll(() => started?.stop());

describe('migrations', () => {
  test('run from empty in four processes at once, and again, once each', async () => {
    const empty = await started.server.createDatabase();
    const ledgers = Array.from({ length: 4 }, () => createLedger({ url: empty, connectionsMax: 1 }));
    await Promise.all(ledgers.map((each) => each.migrate()));
    await ledgers[0]?.migrate();
    await Promise.all(ledgers.map((each) => each.close()));
    const client = new pg.Client({ connectionString: empty });
    await client.connect();
    const { rows } = await client.query('select name from schema_migrations order by name');
    const { rowCount } = await client.query('select from deployment');
    await client.end();
    expect(rows).toEqual([{ name: '0001_first' }]);
    expect(rowCount).toBe(1);
  });
});

describe('a tenant', () => {
  test('is added, limited, disabled, each with its line in the trail', async () => {
    const key = await addTenant(ledger);
    await ledger.setTenantLimits(key, { exportsMax: 3, requestsMax: null });
    await ledger.disableTenant(key);
    const found = await ledger.findTenant(key);
    expect(found).toMatchObject({ key, title: 'A tenant', exportsMax: 3, requestsMax: null });
    expect(found?.disabledAt).toBeInstanceOf(Date);
    await ledger.disableTenant(key);
    expect(await ledger.findTenant(key)).toEqual(found);
    expect(await ledger.listTenants()).toContainEqual(found);
    const actions = (await ledger.listAudit(key, 3)).map((entry) => entry.action);
    expect(actions).toEqual(['tenant.disabled', 'tenant.disabled', 'tenant.limited']);
  });

  test.each(['', '-a', 'A', 'a/b', '../x', 'a'.repeat(64), "a'--", '\0', 'a\n'])('cannot be called %j', async (key) => {
    await expect(ledger.addTenant({ key, title: 'x' })).rejects.toEqual(failsWith('invalid_field', 'key'));
    expect(await ledger.findTenant(key)).toBeUndefined();
    await expect(ledger.disableTenant(key)).rejects.toEqual(failsWith('not_found'));
  });

  test('is refused when the key is taken, or a limit makes no sense', async () => {
    const key = await addTenant(ledger);
    await expect(ledger.addTenant({ key, title: 'x' })).rejects.toEqual(failsWith('invalid_field', 'key'));
    for (const exportsMax of [0, -1, 1.5, Number.NaN, 2 ** 31]) {
      await expect(ledger.setTenantLimits(key, { exportsMax, requestsMax: null })).rejects.toEqual(
        failsWith('invalid_field', 'exportsMax'),
      );
    }
  });

  test.each(["Robert'); drop table tenants;--", '"; $1 \\', '𝒲 ☃', ''])('keeps the title %j', async (title) => {
    const key = `t-${randomUUID()}`;
    await ledger.addTenant({ key, title });
    expect((await ledger.findTenant(key))?.title).toBe(title);
  });
});

describe('an idempotency key', () => {
  test('is won by exactly one of many callers', async () => {
    const key = randomUUID();
    const answers = await Promise.all(Array.from({ length: 12 }, () => ledger.claimIdempotency('t', key, 'h')));
    expect(answers.filter((answer) => answer === undefined)).toHaveLength(1);
    expect(answers.filter((answer) => answer?.requestHash === 'h' && answer.exportId === null)).toHaveLength(11);
  });

  test('remembers what it answered, for its tenant only', async () => {
    const key = `${"'; drop table idempotency; --\0"}${'x'.repeat(10_000)}`;
    const exportId = randomUUID();
    expect(await ledger.claimIdempotency('t', key, 'h')).toBeUndefined();
    await ledger.settleIdempotency('t', key, exportId);
    await ledger.settleIdempotency('t', key, null);
    expect(await ledger.claimIdempotency('t', key, 'other')).toEqual({ requestHash: 'h', exportId });
    expect(await ledger.claimIdempotency('u', key, 'h')).toBeUndefined();
  });

  test('is free again when its claim was given up', async () => {
    const key = randomUUID();
    await ledger.claimIdempotency('t', key, 'h');
    await ledger.settleIdempotency('t', key, null);
    expect(await ledger.claimIdempotency('t', key, 'h')).toBeUndefined();
  });

  test.each([
    { settled: false, age: '59 seconds', free: false },
    { settled: false, age: '61 seconds', free: true },
    { settled: true, age: '23 hours 59 minutes', free: false },
    { settled: true, age: '24 hours 1 minute', free: true },
  ])('claimed $age ago, settled: $settled, is free: $free', async ({ settled, age, free }) => {
    const tenant = `t-${randomUUID()}`;
    await ledger.claimIdempotency(tenant, 'key', 'h');
    if (settled) await ledger.settleIdempotency(tenant, 'key', randomUUID());
    await started.raw.query('update idempotency set claimed_at = now() - $1::interval where tenant = $2', [
      age,
      tenant,
    ]);
    const answers = await Promise.all([1, 2].map(() => ledger.claimIdempotency(tenant, 'key', 'new')));
    expect(answers.filter((answer) => answer === undefined)).toHaveLength(free ? 1 : 0);
  });
});

describe('the audit trail', () => {
  test('lists newest first, for one tenant or all', async () => {
    const tenant = `t-${randomUUID()}`;
    const exportId = randomUUID();
    const detail = { note: '\'"\\ ; --', n: 1, yes: true, none: null };
    await ledger.audit({ tenant, actor: 'link', action: 'export.downloaded', exportId, detail });
    await ledger.audit({ tenant: null, actor: '\0\ud800', action: 'login.failed', exportId: null, detail: {} });
    expect(await ledger.listAudit(tenant, 5)).toEqual([
      { at: expect.any(Date), tenant, actor: 'link', action: 'export.downloaded', exportId, detail },
    ]);
    expect((await ledger.listAudit(null, 1))[0]).toMatchObject({ actor: '\uFFFD\uFFFD', action: 'login.failed' });
  });

  test.each(['update audit set actor = $$nobody$$', 'delete from audit', 'truncate audit', 'truncate audit cascade'])(
    'cannot be changed: %s',
    async (statement) => {
      await ledger.audit({ tenant: null, actor: 'a', action: 'login.failed', exportId: null, detail: {} });
      const before = await ledger.listAudit(null, 1000);
      await expect(started.raw.query(statement)).rejects.toThrow('append-only');
      expect(await ledger.listAudit(null, 1000)).toEqual(before);
    },
  );
});

describe('trouble', () => {
  test('is named without host, port, user or SQL', async () => {
    const gone = createLedger({ url: 'postgres://root:hunter22@127.0.0.1:1/nowhere', connectionsMax: 1 });
    const attempts = [gone.ping(), gone.migrate(), gone.findTenant('a'), gone.verifyCredential('a', 'b')];
    for (const result of await Promise.allSettled(attempts)) {
      const reason: unknown = result.status === 'rejected' ? result.reason : undefined;
      expect(reason).toEqual(failsWith('ledger_unavailable'));
      expect(reason instanceof WaybillError && reason.message).not.toMatch(/127|hunter22|root|nowhere|select/);
    }
    await gone.close();
  });

  test('of a connection that the server ends is survived', async () => {
    const own = createLedger({ url: started.url, connectionsMax: 1 });
    const kill = 'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()';
    await own.ping();
    await started.raw.query(`${kill} and datname = current_database()`);
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
