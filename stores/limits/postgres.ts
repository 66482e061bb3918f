import { createHash } from 'node:crypto';
import pg from 'pg';
import type { Logger } from 'pino';
import { RateLimiterMemory, RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible';
import type { LoginLimit } from './login-limit.ts';

/** Seconds of a window; it begins with the first failure. */
const WINDOW_SECONDS = 60;
/** Of its own, so that a storm of log-ins, which all wait for one row, leaves the ledger's connections to others. */
const CONNECTIONS_MAX = 2;
/** Milliseconds after which PostgreSQL counts as away. */
const CONNECT_MS_MAX = 5000;
const ANSWER_MS_MAX = 5000;

/**
 * Counts in the ledger's table `login_failures`. Subjects are stored as SHA-256. A subject that is over its limit is
 * refused from memory until its window ends. While PostgreSQL does not answer, this process counts by itself.
 *
 * @param options.url `postgres://…` of a migrated ledger; never shown in a message
 * @param options.failuresMax a count of failures a minute, by subject
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
  // An idle connection that the server ends has left the pool already; without a listener the process would die of it.
  pool.on('error', () => undefined);

  let away = false;
  /** The limiter falls back without a word, so the log is written here. */
  async function query({ text, values }: pg.QueryConfig): Promise<pg.QueryResult> {
    try {
      // Without a name, hence not prepared: works behind PgBouncer, too.
      const result = await pool.query({ text, values: values ?? [] });
      if (away) logger.info('failed log-ins are counted in the ledger again');
      away = false;
      return result;
    } catch (error) {
      if (!away)
        logger.warn({ err: error }, 'the ledger does not answer: this process counts failed log-ins by itself');
      away = true;
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
  async function consume(subject: string): Promise<number> {
    try {
      await limiter.consume(keyOf(subject));
      return 0;
    } catch (refusal) {
      if (!(refusal instanceof RateLimiterRes)) throw refusal;
      return Math.max(1, Math.ceil(refusal.msBeforeNext / 1000));
    }
  }

  async function giveBack(subjects: readonly string[]): Promise<void> {
    await Promise.all(subjects.map((subject) => limiter.reward(keyOf(subject))));
  }

  return {
    async take(subjects) {
      const taken: string[] = [];
      for (const subject of subjects) {
        const waitSeconds = await consume(subject);
        if (waitSeconds > 0) {
          await giveBack(taken);
          return waitSeconds;
        }
        taken.push(subject);
      }
      return 0;
    },
    giveBack,
    close: () => pool.end(),
  };
}

/** Short, and neither addresses nor client ids lie in the table. */
function keyOf(subject: string): string {
  return createHash('sha256').update(subject).digest('base64url');
}
