import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { CSV_DEFAULTS } from '../contracts/order.ts';
import { REQUESTS, REQUESTS_PATH } from '../contracts/requests.ts';
import { type Bench, type Benchmark, type Measurement, runPairs, secondsOf } from './benchmark.ts';
import { type Deployment, deploy } from './deployment.ts';
import { CATALOG, TENANT } from './readings.ts';

/** What a list of requests costs as they become many. */
export const listingRequestsBenchmark: Benchmark = {
  name: 'listing-requests',
  title: 'List the newest 100 requests, seconds a list',
  run: measureListing,
};

const MANY = 100_000;
const FEW = 100;
/** Lists in one run. */
const LISTS = 200;

async function measureListing(bench: Bench): Promise<Measurement> {
  const requests = bench.many ?? MANY;
  await using many = await deployWith(bench, requests);
  await using few = await deployWith(bench, FEW);
  const list = async ({ client, servers }: Deployment) => {
    const seconds = await secondsOf(async () => {
      for (let count = 0; count < LISTS; count += 1) {
        const response = await fetch(`${servers.urls.api}${REQUESTS_PATH}/requests`, {
          headers: { authorization: client.authorization },
          signal: bench.signal,
        });
        const { total } = (await response.json()) as { total: number };
        if (total !== FEW) throw new Error(`${total} requests were listed`);
      }
    });
    return seconds / LISTS;
  };
  const pairs = await runPairs(bench, 'seconds', { ours: () => list(many), peer: () => list(few) });
  const what = (requests: number) => `GET …/requests with ${requests} requests of the tenant in the ledger`;
  return {
    unit: 'seconds',
    ours: { what: what(requests), bytes: null },
    peer: { what: what(FEW), bytes: null },
    pairs,
    ratio: { kind: 'size', target: 1.5 },
    notes: [`each figure is the mean of ${LISTS} lists, one after the other`],
  };
}

/** A deployment whose tenant has made that many requests, all of which have expired. */
async function deployWith(bench: Bench, requests: number): Promise<Deployment> {
  const directory = join(bench.directory, String(requests));
  await mkdir(directory);
  const deployment = await deploy({ ...bench, directory, rows: 1000 }, CATALOG);
  const ledger = new pg.Client({ connectionString: deployment.settings.WAYBILL_LEDGER_URL });
  await ledger.connect();
  try {
    await ledger.query(INSERT, [TENANT, REQUESTS, JSON.stringify(ORDER), requests]);
    await ledger.query('analyze runs');
  } finally {
    await ledger.end();
  }
  return deployment;
}

const ORDER = {
  ...{ tenant: TENANT, dataset: 'READINGS', format: 'csv', parameters: {}, csv: CSV_DEFAULTS, columns: null },
  ...{ compression: 'none', recipients: [], keepDays: 30, roundsMax: 3 },
  window: { from: '2016-01-01T00:00:00.000000Z', to: '2016-12-31T23:59:59.999999Z', bounds: 'inclusive' },
};

const INSERT = `
  insert into runs (run_id, tenant, kind, series, subject, workflow_id, "order", state, requested_at, requested_by,
    started_at, ended_at, snapshot_at, files, parts, rows, bytes, content_bytes, manifest_sha256, expires_at, remove_after,
    removed_at, removal, rechecked_at, mailed_at)
  select gen_random_uuid(), $1, $2, 'bench|' || i, 'READINGS', 'bench|' || i, $3::jsonb, 'completed', at, 'bench', at, at,
    '2020-01-01T00:00:00.000000Z', 1, 1, 1, 1, 1, repeat('ab', 32), at + interval '30 days', at + interval '30 days',
    at + interval '30 days', 'expired', at, at
  from (select i, timestamptz '2020-01-01' + i * interval '1 second' as at from generate_series(1, $4::integer) i) made`;
