import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { REQUESTS_PATH } from '../contracts/requests.ts';
import { type Bench, type Benchmark, type Measurement, type Pair, runSeveral, secondsOf } from './benchmark.ts';
import { type Deployment, deploy } from './deployment.ts';
import { logIntoPortal } from './portal-visitor.ts';
import { CATALOG } from './readings.ts';
import { summarise } from './report.ts';
import { seedRuns } from './seeded-runs.ts';

/** What lists cost as runs become many. */
export const listingBenchmark: Benchmark = {
  name: 'listing',
  title: 'Lists of runs, seconds a list',
  run: measureListing,
};

const MANY = 1_000_000;
const FEW = 100;
/** Lists of each sort in one run, on both sides in turn; the figure is their median. */
const LISTS = 50;

/** What is listed, by name. The sizes of pages are such that a hundred runs fill them. */
const PATHS = {
  exports: '/exports?limit=20',
  'exports-failed': '/exports?limit=20&status=failed',
  'exports-pending': '/exports?limit=20&status=PENDING',
  'exports-of-dataset': '/exports?limit=20&dataset=READINGS',
  requests: `${REQUESTS_PATH}/requests?limit=20`,
  'recurring-runs': '/export/runs?pageSize=5',
  'portal-exports': '/portal/on-demand',
  'portal-requests': '/portal/requests',
  'portal-requests-failed': '/portal/requests?state=Failed',
  'portal-audit': '/portal/audit',
} as const;
type List = keyof typeof PATHS;
const LISTED = Object.keys(PATHS) as List[];

async function measureListing(bench: Bench): Promise<readonly Measurement[]> {
  const count = bench.many ?? MANY;
  await using many = await deployWith(bench, 'many', count);
  await using few = await deployWith(bench, 'few', FEW);
  const pairs = await runSeveral(bench, 'seconds', async () => {
    const measured: Partial<Record<List, Pair>> = {};
    for (const name of LISTED) measured[name] = await measureList(bench, name, { many, few });
    return measured as Record<List, Pair>;
  });
  return LISTED.map((part) => {
    const what = (runs: number) => `GET ${PATHS[part]} with ${runs.toLocaleString('en')} runs in the ledger`;
    return {
      part,
      unit: 'seconds',
      ours: { what: what(count), bytes: null },
      peer: { what: what(FEW), bytes: null },
      pairs: pairs[part],
      ratio: { kind: 'size', target: 1.5 },
      notes: [],
    };
  });
}

async function measureList(
  { signal }: Bench,
  name: List,
  { many, few }: { readonly many: Listed; readonly few: Listed },
): Promise<Pair> {
  const list = ({ client, servers, cookie }: Listed) =>
    secondsOf(async () => {
      const headers = PATHS[name].startsWith('/portal') ? { cookie } : { authorization: client.authorization };
      const response = await fetch(`${servers.urls.api}${PATHS[name]}`, { headers, redirect: 'manual', signal });
      await response.arrayBuffer();
      if (response.status !== 200) throw new Error(`${PATHS[name]} answered ${response.status}`);
    });
  const seconds: Readonly<Record<'ours' | 'peer', number[]>> = { ours: [], peer: [] };
  for (let done = 0; done < LISTS; done += 1) {
    seconds.ours.push(await list(many));
    seconds.peer.push(await list(few));
  }
  return { ours: summarise(seconds.ours).median, peer: summarise(seconds.peer).median };
}

interface Listed extends Deployment {
  /** Of somebody who has logged into the portal. */
  readonly cookie: string;
}

/** A deployment with so many runs of its one tenant. */
async function deployWith(bench: Bench, name: string, runs: number): Promise<Listed> {
  const directory = join(bench.directory, name);
  await mkdir(directory);
  const catalog = join(directory, 'catalog.yaml');
  await writeFile(catalog, (await readFile(CATALOG, 'utf8')).replace('[on-demand]', '[on-demand, requests]'));
  const deployment = await deploy({ ...bench, directory, rows: 1000 }, catalog);
  bench.report(`adding ${runs.toLocaleString('en')} runs to the ledger`);
  await seedRuns(deployment, runs);
  return { ...deployment, cookie: await logIntoPortal(bench, deployment) };
}
