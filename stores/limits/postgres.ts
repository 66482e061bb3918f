import { createHash } from 'node:crypto';
import pg from 'pg';
import type { Logger } from 'pino';
import { RateLimiterMemory, RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import type { LoginLimit } from './login-limit.ts';

/** Seconds of a window; it begins with the first failure. */
const WINDOW_SECONDS = 60;
/** Separate from the ledger's pool, because a burst of log-ins, all waiting for one row, could use it up. */
const CONNECTIONS_MAX = 2;
/** Milliseconds after which PostgreSQL counts as unreachable. */
const CONNECT_MS_MAX = 5000;
const ANSWER_MS_MAX = 5000;

/**
 * Counts in the ledger's table `login_failures`. Subjects are stored as SHA-256. A subject that is over its limit is
 * refused from memory until its window ends. While PostgreSQL is unavailable, this process counts by itself.
 *
 * @param options.url `postgres://…` of a migrated ledger; never included in a message
 * @param options.failuresMax failures per minute and subject
 */
export function createLoginLimit(options: {
  readonly url: string;
  readonly failuresMax: number;
  readonly logger: Logger;
}): LoginLimit {
  const { url, failuresMax: points, logger } = options;
  const pool = new pg.Pool({
    connectionString: url,
    max: CONNECTIONS_MAX,
    application_name: 'waybill-limits',
    keepAlive: true,
    connectionTimeoutMillis: CONNECT_MS_MAX,
    statement_timeout: ANSWER_MS_MAX,
    query_timeout: ANSWER_MS_MAX,
  });
  // An idle connection that the server closes has left the pool already; without a listener the process would crash.
  pool.on('error', () => undefined);

  let isDown = false;
  /** The limiter falls back silently, so the log is written here. */
  async function query({ text, values }: pg.QueryConfig): Promise<pg.QueryResult> {
    try {
      // Without a name, hence not prepared: works behind PgBouncer, too.
      const result = await pool.query({ text, values: values ?? [] });
      if (isDown) logger.info('failed log-ins are counted in the ledger again');
      isDown = false;
      return result;
    } catch (error) {
      if (!isDown) logger.warn({ err: error }, 'ledger unavailable: this process counts failed log-ins by itself');
      isDown = true;
      throw error;
    }
  }

  const limiter = new RateLimiterPostgres({
    storeClient: { query },
    storeType: 'client',
    tableName: 'login_failures',
    tableCreated: true,
    clearExpiredByTimeout: true,
    keyPrefix: '',
    points,
    duration: WINDOW_SECONDS,
    inMemoryBlockOnConsumed: points + 1,
    insuranceLimiter: new RateLimiterMemory({ keyPrefix: '', points, duration: WINDOW_SECONDS }),
  });

  /** @returns seconds to wait, or 0 */
  async function consumeOne(subject: string): Promise<number> {
    try {
      await limiter.consume(keyOf(subject));
      return 0;
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) throw refusal;
      return Math.max(1, Math.ceil(refusal.msBeforeNext / 1000));
    }
  }

  async function refund(subjects: readonly string[]): Promise<void> {
    await Promise.all(subjects.map((subject) => limiter.reward(keyOf(subject))));
  }

  return {
    async consume(subjects) {
      const consumed: string[] = [];
      for (const subject of subjects) {
        const waitSeconds = await consumeOne(subject);
        if (waitSeconds > 0) {
          await refund(consumed);
          return waitSeconds;
        }
        consumed.push(subject);
      }
      return 0;
    },
    refund,
    close: () => pool.end(),
  };
}

/** Short, and keeps addresses and client ids out of the table. */
function keyOf(subject: string): string {
  return createHash('sha256').update(subject).digest('base64url');
}
