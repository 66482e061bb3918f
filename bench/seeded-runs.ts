import pg from 'pg';
import { CSV_DEFAULTS } from '../contracts/order.ts';
import type { Deployment } from './deployment.ts';
import { TENANT } from './readings.ts';

const ORDER = {
  ...{ tenant: TENANT, dataset: 'READINGS', format: 'csv', parameters: {}, csv: CSV_DEFAULTS, columns: null },
  ...{ compression: 'none', recipients: [], keepDays: 30 },
  window: { from: '2016-01-01T00:00:00.000000Z', to: '2016-12-31T23:59:59.999999Z', bounds: 'inclusive' },
};

/**
 * Adds runs that have ended to the ledger, all of the deployment's tenant, with a line in the audit trail each. Of ten, one is
 * recurring, two are periodic, three are requests and four on demand. Half of the oldest hundred have failed; the files of all
 * others have expired.
 */
export async function seedRuns({ settings }: Pick<Deployment, 'settings'>, count: number): Promise<void> {
  const ledger = new pg.Client({ connectionString: settings.WAYBILL_LEDGER_URL });
  await ledger.connect();
  try {
    await ledger.query(STANDING_ORDERS, [TENANT]);
    await ledger.query(RUNS, [TENANT, JSON.stringify(ORDER), count]);
    await ledger.query(RUN_FILES);
    await ledger.query(AUDIT);
    // As autovacuum would soon; it also writes what an index-only scan needs.
    await ledger.query('vacuum analyze');
  } finally {
    await ledger.end();
  }
}

const STANDING_ORDERS = `
  insert into standing_orders (tenant, kind, epoch, version, synced_version)
  values ($1, 'periodic', 1, 1, 1), ($1, 'recurring', 1, 1, 1)`;

const RUNS = `
  insert into runs (run_id, tenant, kind, series, subject, workflow_id, standing_order_id, epoch, "order", state, requested_at,
    requested_by, started_at, ended_at, snapshot_at, files, parts, rows, bytes, content_bytes, manifest_sha256, failure,
    expires_at, remove_after, removed_at, removal, rechecked_at, mailed_at)
  select gen_random_uuid(), $1, kind, 'bench|' || i, case when standing_order_id is null then 'READINGS' else kind end, 'bench|' || i,
    standing_order_id, case when standing_order_id is not null then 1 end,
    case kind when 'on-demand' then $2::jsonb when 'requests' then $2::jsonb || '{"roundsMax": 3}' end,
    case when failed then 'failed' else 'completed' end, at, 'bench', at, at,
    case when not failed then '2020-01-01T00:00:00.000000Z' end, one, one, one, one, one,
    case when not failed then repeat('ab', 32) end,
    case when failed then '{"code": "internal", "message": "It failed."}'::jsonb end,
    case when not failed then at + interval '30 days' end, at + interval '30 days', at + interval '30 days',
    case when failed then 'failed' else 'expired' end, at, at
  from (
    select i, failed, case when not failed then 1 end as one, timestamptz '2020-01-01' + i * interval '1 second' as at,
      (array['recurring', 'periodic', 'periodic', 'requests', 'requests', 'requests', 'on-demand', 'on-demand', 'on-demand',
        'on-demand'])[i % 10 + 1] as kind
    from (select i, i <= 100 and i / 10 % 2 = 0 as failed from generate_series(1, $3::integer) as numbers(i)) as numbered
  ) as made
  left join standing_orders using (kind)
  order by i`;

const RUN_FILES = `
  insert into run_files (run_id, dataset, generation, complete, window_to, columns, rows)
  select run_id, dataset, 1, true, '2020-01-01T00:00:00.000000Z', '[]', 1
  from runs, unnest(array['one', 'two']) as datasets(dataset) where kind = 'recurring'`;

const AUDIT = `
  insert into audit (at, tenant, actor, action, run_id, detail)
  select requested_at, tenant, 'bench', case kind when 'requests' then 'request.created' else 'export.requested' end, run_id,
    '{"dataset": "READINGS", "format": "csv"}'
  from runs order by number`;
