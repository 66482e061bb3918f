import { beforeAll, expect, test } from 'vitest';
import type { Ledger } from '../stores/ledger/ports.ts';
import { createLedger } from '../stores/ledger/postgres.ts';
import { useLedger } from './ledger-set-up.ts';

const { raw, url } = await useLedger();
const TENANT = 'many';
const RUNS = 10_000;
/** Rows that a page of twenty may read, besides its own. */
const READ_MAX = 100;

/** Half of the runs are requests. The four oldest have failed, the files of all others have expired. */
beforeAll(async () => {
  await raw.query(
    `insert into runs (run_id, tenant, kind, series, subject, workflow_id, "order", state, requested_at, requested_by, started_at,
        ended_at, snapshot_at, files, parts, rows, bytes, content_bytes, manifest_sha256, failure, removed_at, removal, rechecked_at,
        mailed_at)
      select gen_random_uuid(), $1, case when n % 2 = 0 then 'requests' else 'on-demand' end, 's' || n, 'USERS', 'w' || n, '{}',
        case when ok then 'completed' else 'failed' end, at, 'somebody', at, at, case when ok then repeat('2', 27) end, one, one, one,
        one, one, case when ok then repeat('a', 64) end, case when not ok then '{"code": "internal", "message": "x"}'::jsonb end, at,
        case when ok then 'expired' else 'failed' end, at, at
      from generate_series(1, $2::integer) n,
        lateral (select n > 4 as ok, case when n > 4 then 1 end as one, now() - make_interval(mins => 20000 - n) as at) made`,
    [TENANT, RUNS],
  );
  await raw.query('vacuum analyze runs');
});

async function readStatistics() {
  const { rows } = await raw.query<{ scans: number; read: number }>(
    `select (seq_scan + idx_scan)::integer as scans, (seq_tup_read + idx_tup_fetch)::integer as read
      from pg_stat_user_tables where relname = 'runs'`,
  );
  return rows[0] ?? { scans: 0, read: 0 };
}

/** @returns rows of the table that PostgreSQL reads for this */
async function countRead(ask: (ledger: Ledger) => Promise<unknown>): Promise<number> {
  const before = await readStatistics();
  const ledger = createLedger({ url, connectionsMax: 1 });
  await ask(ledger);
  // A connection reports what it has read when it ends.
  await ledger.close();
  await expect.poll(async () => (await readStatistics()).scans).toBeGreaterThan(before.scans);
  return (await readStatistics()).read - before.read;
}

test.each(['pending', 'running', 'completed', 'failed', 'cancelled'] as const)(
  'a page of runs that are %s reads few others',
  async (status) => {
    const statuses = { anyOf: [status], now: new Date() };
    const list = async ({ runs }: Ledger) => {
      const { rows } = await runs.list(TENANT, { kind: 'on-demand', statuses }, { cursor: null, limit: 20 });
      expect(rows).toHaveLength(status === 'failed' ? 2 : 0);
    };
    expect(await countRead(list)).toBeLessThan(READ_MAX);
  },
);

test.each(['Submitted', 'Available', 'Failed', 'Expired'] as const)(
  'a page of requests that are %s reads few others',
  async (state) => {
    const list = async ({ requests }: Ledger) => {
      const rows = await requests.list(TENANT, { before: null, limit: 20, only: { state, now: new Date() } });
      expect(rows).toHaveLength(state === 'Failed' ? 2 : state === 'Expired' ? 20 : 0);
    };
    expect(await countRead(list)).toBeLessThan(READ_MAX);
  },
);

test('requests are counted from an index', async () => {
  const count = async ({ requests }: Ledger) => {
    const counts = await requests.count(TENANT, { now: new Date(), limit: RUNS, subjects: null });
    expect(counts).toEqual({ Submitted: 0, Available: 0, Expired: RUNS / 2 - 2, Failed: 2 });
  };
  expect(await countRead(count)).toBeLessThan(READ_MAX);
});
