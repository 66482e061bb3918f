import { createHash } from 'node:crypto';
import { type ExpressionBuilder, sql, type Transaction } from 'kysely';
import { WaybillError } from '../../contracts/failures.ts';
import type { Database } from './database.ts';
import type { Idempotency } from './ports.ts';
import type { Tables } from './tables.ts';

/** How long an answer is kept, and how long a claim that was never settled. */
const ANSWER_KEPT = sql<Date>`now() - interval '24 hours'`;
const CLAIM_KEPT = sql<Date>`now() - interval '60 seconds'`;
const LAPSED = sql<Date>`now() - interval '61 seconds'`;
/** If a claim lapsed, a repeat of the same request keeps the time of the first attempt. */
const FIRST_ATTEMPT = sql<Date>`case
  when idempotency.request_hash = excluded.request_hash and idempotency.claimed_at >= ${ANSWER_KEPT}
  then idempotency.attempted_at else now() end`;
/** How many expired keys one claim deletes: more than it adds, so the table does not grow. */
const SWEEP_MAX = 20;
/** Maximum number of tries; another one is needed if a claim is released between the insert and the select. */
const TRIES_MAX = 5;

export function idempotency(database: Database): Idempotency {
  return {
    claim: (tenant, key, requestHash) =>
      database.transaction(async (db) => {
        await sweep(db);
        for (let tries = 0; tries < TRIES_MAX; tries += 1) {
          const won = await insertClaim(db, tenant, hashOf(key), requestHash);
          if (won) return { won: true, attemptedAt: won.attemptedAt < won.claimedAt ? won.attemptedAt : null };
          const held = await db
            .selectFrom('idempotency')
            .select(['requestHash', 'runId'])
            .where(claim(tenant, key))
            .executeTakeFirst();
          if (held) return { won: false, ...held };
        }
        throw new WaybillError('ledger_unavailable');
      }),

    async settle(tenant, key, result) {
      await database.query<unknown>((db) => {
        if (result === 'failed') {
          return db.deleteFrom('idempotency').where(claim(tenant, key)).where('runId', 'is', null).execute();
        }
        const change = result === 'unknown' ? { claimedAt: LAPSED } : { runId: result.runId };
        return db.updateTable('idempotency').set(change).where(claim(tenant, key)).where('runId', 'is', null).execute();
      });
    },
  };
}

/** The unique key lets exactly one of several callers win; an expired claim is taken over in the same statement. */
function insertClaim(db: Transaction<Tables>, tenant: string, keyHash: Buffer, requestHash: string) {
  return db
    .insertInto('idempotency')
    .values({ tenant, keyHash, requestHash, runId: null })
    .onConflict((conflict) =>
      conflict
        .columns(['tenant', 'keyHash'])
        .doUpdateSet((eb) => ({
          requestHash,
          runId: null,
          attemptedAt: FIRST_ATTEMPT,
          claimedAt: eb.fn<Date>('now'),
        }))
        .where((eb) =>
          eb.or([
            eb('idempotency.claimedAt', '<', ANSWER_KEPT),
            eb.and([eb('idempotency.runId', 'is', null), eb('idempotency.claimedAt', '<', CLAIM_KEPT)]),
          ]),
        ),
    )
    .returning(['attemptedAt', 'claimedAt'])
    .executeTakeFirst();
}

/** `skip locked`: concurrent sweeps never wait for each other. */
async function sweep(db: Transaction<Tables>) {
  await sql`
    delete from idempotency where ctid = any (array(
      select ctid from idempotency where claimed_at < ${ANSWER_KEPT} limit ${SWEEP_MAX} for update skip locked
    ))`.execute(db);
}

function claim(tenant: string, key: string) {
  return ({ and }: ExpressionBuilder<Tables, 'idempotency'>) => and({ tenant, keyHash: hashOf(key) });
}

/** Keys are arbitrary text of the caller, of any length; only the hash is needed. */
function hashOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
