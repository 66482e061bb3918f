import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { addTenant, failsWith, useLedger } from './ledger-set-up.ts';

const { ledger, raw } = await useLedger();

test('pages of any length hold every line of the tenant once, newest first', async () => {
  const tenant = await addTenant(ledger);
  const other = await addTenant(ledger);
  const names = Array.from({ length: 25 }, (_, place) => `a${place % 3}`);
  for (const actor of names) {
    for (const key of [tenant, other]) {
      await ledger.audit.append({ tenant: key, actor, action: 'token.issued', runId: randomUUID(), detail: {} });
    }
  }
  const whole = await ledger.audit.page(tenant, {}, { cursor: null, limit: 100 });
  expect(whole.rows.map(({ actor }) => actor)).toEqual([...names.toReversed(), 'operator']);
  expect(whole.next).toBeNull();
  for (const limit of [1, 7, 26]) {
    const rows = [];
    let cursor: string | null = null;
    do {
      const page: Awaited<ReturnType<typeof ledger.audit.page>> = await ledger.audit.page(
        tenant,
        {},
        { cursor, limit },
      );
      rows.push(...page.rows);
      cursor = page.next;
    } while (cursor !== null);
    expect(rows).toEqual(whole.rows);
  }
  expect(await ledger.audit.actors(tenant, 10)).toEqual(['a0', 'a1', 'a2', 'operator']);
  expect(await ledger.audit.actors(tenant, 2)).toEqual(['a0', 'a1']);
  const some = await ledger.audit.page(tenant, { actor: 'a1', actions: ['token.issued'] }, { cursor: null, limit: 99 });
  expect(some.rows).toHaveLength(8);
  const [newest] = whole.rows;
  const before = await ledger.audit.page(tenant, { before: newest?.at ?? new Date(0) }, { cursor: null, limit: 99 });
  expect(before.rows.every(({ at }) => at < (newest?.at ?? new Date(0)))).toBe(true);
  for (const cursor of ['', 'x', '1.', 'zzzzzzzzzzz.1']) {
    await expect(ledger.audit.page(tenant, {}, { cursor, limit: 1 })).rejects.toEqual(
      failsWith('invalid_field', 'cursor'),
    );
  }
});

test('each page reads no more of an index than it shows, with 200,000 lines', async () => {
  await raw.query(`
    insert into audit (at, tenant, actor, action, detail)
    select now() - make_interval(mins => n), 'big', case when n % 10000 = 0 then 'rare' else 'client' || n % 5 end,
      case when n % 50000 = 0 then 'login.failed' else 'export.downloaded' end, '{}'
    from generate_series(1, 200000) n`);
  await raw.query('analyze audit');
  for (const where of [
    '',
    `and actor = 'rare'`,
    `and action in ('login.failed', 'access.refused')`,
    `and at < now() - interval '90 days'`,
  ]) {
    const { rows } = await raw.query<{ 'QUERY PLAN': string }>(
      `explain (analyze, buffers) select * from audit where tenant = 'big' ${where} order by at desc, id desc limit 51`,
    );
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    const buffers = [...plan.matchAll(/Buffers: shared hit=(\d+)(?: read=(\d+))?/g)].map(
      ([, hit, read]) => Number(hit) + Number(read ?? 0),
    );
    expect(Math.max(...buffers), plan).toBeLessThan(150);
  }
  expect(await ledger.audit.actors('big', 10)).toEqual(['client0', 'client1', 'client2', 'client3', 'client4', 'rare']);
});
