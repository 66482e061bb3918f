import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type OwnServices, startOwnServices } from './context.ts';
import { endOtherConnections } from './ledger-set-up.ts';
import { ALWAYS, createOnDemandClient, type OnDemandClient } from './on-demand-client.ts';

/** How often all connections to the ledger are ended. */
const ROUNDS = 30;
/** Requests that are under way at any time. */
const LANES = 6;
/** Requests that must succeed between two rounds. */
const SUCCESSES_BETWEEN = 10;

let services: OwnServices;
let onDemand: OnDemandClient;
let operator: pg.Client;

beforeAll(async () => {
  services = await startOwnServices({ WAYBILL_LOG_LEVEL: 'silent', WAYBILL_PART_ROWS: '1000000' });
  onDemand = createOnDemandClient(services.url, 'dreambuilder');
  operator = new pg.Client({ connectionString: services.settings.WAYBILL_LEDGER_URL });
  await operator.connect();
});

afterAll(async () => {
  await operator?.end();
  await services?.stop();
});

/** Asks without a pause until it is stopped. */
function startReaders(paths: readonly string[]) {
  const seen: { readonly status: number; readonly retryAfter: string | null }[] = [];
  let stopping = false;
  const read = async () => {
    for (let at = 0; !stopping; at += 1) {
      const answer = await onDemand.request('GET', paths[at % paths.length] ?? '/');
      await answer.arrayBuffer();
      seen.push({ status: answer.status, retryAfter: answer.headers.get('retry-after') });
    }
  };
  const answers = Promise.all(Array.from({ length: LANES }, read)).then(() => seen);
  // Whoever awaits the answers hears of it.
  answers.catch(() => undefined);
  return {
    successes: () => seen.filter(({ status }) => status < 300).length,
    /** All of them, once it is stopped. */
    answers,
    stop() {
      stopping = true;
    },
  };
}

/** Orders the export again until it is accepted. @returns its id */
async function orderAtLast(body: Readonly<Record<string, unknown>>): Promise<string> {
  for (;;) {
    try {
      return await onDemand.order(body);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('503 '))) throw error;
    }
  }
}

test('PostgreSQL ends every connection again and again: 503 at the most, same processes, whole exports', async () => {
  const pids = [services.api.pid, services.worker.pid];
  const large = await orderAtLast({ ...ALWAYS, exportType: 'FLIGHTS', format: 'CSV' });
  const readers = startReaders(['/exports', `/exports/${large}`, '/dataexport']);
  const small: string[] = [];
  let ended = 0;
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      const before = readers.successes();
      await expect.poll(() => readers.successes(), { timeout: 20_000 }).toBeGreaterThan(before + SUCCESSES_BETWEEN);
      ended += await endOtherConnections(operator);
      const startDate = `19${round + 10}-01-01`;
      small.push(await orderAtLast({ ...ALWAYS, startDate, exportType: 'LEARNING_ACTIVITIES', format: 'CSV' }));
    }
  } finally {
    readers.stop();
  }
  const seen = await readers.answers;
  expect(ended).toBeGreaterThan(ROUNDS);
  expect(new Set(seen.map(({ status }) => status))).toEqual(new Set([200, 503]));
  expect(seen.filter(({ status, retryAfter }) => status === 503 && !/^\d+$/.test(retryAfter ?? ''))).toEqual([]);
  for (const id of [large, ...small]) expect(await onDemand.ended(id)).toMatchObject({ state: 'completed' });
  expect([services.api.pid, services.worker.pid]).toEqual(pids);
});
