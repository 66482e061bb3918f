import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { EXIT } from '../cli/failure.ts';
import { createLedger } from '../stores/ledger/postgres.ts';
import { useStack } from './context.ts';
import type { LoadMessage, Tally } from './ledger-load.ts';
import { addTenant, endOtherConnections, failsWith, useLedger } from './ledger-set-up.ts';

/** How often all connections are ended under load. */
const ROUNDS = 20;
/** Questions that must be answered between two rounds. */
const ANSWERS_BETWEEN = 50;

/** Key of the advisory lock that migrations take. Source: kysely, postgres-adapter.ts. */
const MIGRATION_LOCK = '3853314791062309107';

const { ledger, raw, server, url } = await useLedger();

/** Starts test/ledger-load.ts. */
function startLoad(order: Exclude<LoadMessage, string>) {
  const child = fork(fileURLToPath(import.meta.resolve('./ledger-load.ts')), {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  let said = '';
  child.stderr?.on('data', (chunk) => {
    said += chunk;
  });
  const ended = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`The process under load ended with ${String(code ?? signal)}: ${said}`);
  });
  // Whoever waits for an answer hears of it.
  ended.catch(() => undefined);
  async function ask(message: 'tally' | 'stop'): Promise<Tally> {
    const reply = once(child, 'message');
    child.send(message);
    const [tally] = (await Promise.race([reply, ended])) as [Tally];
    return tally;
  }
  child.send(order);
  return { tally: () => ask('tally'), stop: () => ask('stop'), kill: () => child.kill('SIGKILL') };
}

describe('connections that PostgreSQL ends', () => {
  test('cost the questions on them, and never the process', async () => {
    const load = startLoad({ url, tenant: await addTenant(ledger), lanes: 5 });
    try {
      let ended = 0;
      for (let round = 0; round < ROUNDS; round += 1) {
        const { answered } = await load.tally();
        await expect.poll(async () => (await load.tally()).answered).toBeGreaterThan(answered + ANSWERS_BETWEEN);
        ended += await endOtherConnections(raw);
      }
      const tally = await load.stop();
      expect(ended).toBeGreaterThan(ROUNDS);
      expect(tally.other).toEqual([]);
      expect(tally.unavailable).toBeGreaterThan(0);
      expect(tally.unavailable).toBeLessThanOrEqual(ended);
    } finally {
      load.kill();
    }
  });

  test('while a migration waits for its lock: it is told, and a later one succeeds', async () => {
    const empty = await server.createDatabase();
    const holder = new pg.Client({ connectionString: empty });
    await holder.connect();
    const migrating = createLedger({ url: empty, connectionsMax: 1 });
    try {
      await holder.query(`select pg_advisory_lock(${MIGRATION_LOCK})`);
      const [migrated] = await Promise.allSettled([migrating.migrate(), endWaiting(holder)]);
      expect(migrated).toEqual({ status: 'rejected', reason: failsWith('ledger_unavailable') });
      await holder.query(`select pg_advisory_unlock(${MIGRATION_LOCK})`);
      await migrating.migrate();
    } finally {
      await migrating.close();
      await holder.end();
    }
  });

  test('while a command of an operator waits: it ends with a sentence and the code for "unreachable"', async () => {
    const tenant = await addTenant(ledger);
    const holder = new pg.Client({ connectionString: url });
    await holder.connect();
    try {
      await holder.query('begin');
      await holder.query('lock table tenants in access exclusive mode');
      const [command] = await Promise.all([runCommand('tenant', 'limits', tenant, '--exports', '3'), endWaiting(raw)]);
      expect(command).toEqual({
        code: EXIT.unreachable,
        errors: 'waybill: The ledger cannot be reached. Try again later.\n',
      });
    } finally {
      await holder.end();
    }
  });
});

/** Runs the command line in a process of its own. */
async function runCommand(...args: readonly string[]) {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.resolve('../cli/waybill.mjs')), ...args], {
    env: { ...useStack().environment, WAYBILL_LEDGER_URL: url },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const closed = once(child, 'close');
  const errors = await text(child.stderr);
  const [code] = await closed;
  return { code, errors };
}

/** Waits until a connection to the database of `client` waits for a lock, and ends it. */
async function endWaiting(client: pg.Client): Promise<void> {
  const end = async () =>
    (
      await client.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and wait_event_type = 'Lock'`,
      )
    ).rowCount;
  await expect.poll(end, { timeout: 20_000 }).toBe(1);
}
