import { clientNetwork } from '../../config/networks.ts';
import type { LoginLimit } from '../../stores/limits/login-limit.ts';
import { TryLater } from '../problems/problem.ts';

/**
 * A count of log-ins that one process counts or checks at once. Less than the usual limit, so that right secrets which
 * come together do not use it up; as many as may wait for scrypt.
 */
const UNDER_WAY_MAX = 64;
/** Seconds after which those are over. */
const UNDER_WAY_SECONDS = 2;

/** What a log-in is counted under. */
export interface LoginAttempt {
  readonly address: string;
  /** `null` where the credential names none. */
  readonly clientId: string | null;
}

/** Failed log-ins a minute, by address (IPv6: by its /64) and by client id. */
export interface FailedLogins {
  /**
   * Checks a secret under the limit: only a check that ends with `undefined` counts. While checks are under way, each
   * holds a token, so a burst cannot pass the limit.
   * @throws TryLater `rate_limited` before the check, also when too many are under way
   */
  guard<Result>(attempt: LoginAttempt, check: () => Promise<Result | undefined>): Promise<Result | undefined>;
  /** Counts what was found wrong already. @throws TryLater `rate_limited` over the limit */
  failed(attempt: LoginAttempt): Promise<undefined>;
}

export function failedLogins(limit: LoginLimit): FailedLogins {
  let underWay = 0;

  async function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    if (underWay >= UNDER_WAY_MAX) {
      throw new TryLater(
        'rate_limited',
        UNDER_WAY_SECONDS,
        'Too many log-ins are being checked. Try again in a moment.',
      );
    }
    underWay += 1;
    try {
      return await work();
    } finally {
      underWay -= 1;
    }
  }

  async function take(subjects: readonly string[]): Promise<undefined> {
    const waitSeconds = await limit.take(subjects);
    if (waitSeconds === 0) return;
    throw new TryLater(
      'rate_limited',
      waitSeconds,
      'Too many log-ins failed. Wait for the seconds that Retry-After names.',
    );
  }

  return {
    guard: (attempt, check) =>
      inTurn(async () => {
        const subjects = subjectsOf(attempt);
        await take(subjects);
        let isWrong = false;
        try {
          const result = await check();
          isWrong = result === undefined;
          return result;
        } finally {
          if (!isWrong) await limit.giveBack(subjects);
        }
      }),
    failed: (attempt) => inTurn(() => take(subjectsOf(attempt))),
  };
}

function subjectsOf({ address, clientId }: LoginAttempt): readonly string[] {
  const network = `address ${clientNetwork(address)}`;
  return clientId === null ? [network] : [network, `client ${clientId}`];
}
