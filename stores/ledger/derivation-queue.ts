import { WaybillError } from '../../contracts/failures.ts';

/**
 * Runs at most so many at once and lets so many wait for their turn.
 * @throws WaybillError `rate_limited` at once, when the queue is full
 */
export type DerivationQueue = <Result>(derive: () => Promise<Result>) => Promise<Result>;

/**
 * @param runningMax a count of those that run at once
 * @param waitingMax a count of those that wait
 */
export function createDerivationQueue(runningMax: number, waitingMax: number): DerivationQueue {
  const waiting: (() => void)[] = [];
  let running = 0;

  return async function takeTurn(derive) {
    if (running < runningMax) {
      running += 1;
    } else if (waiting.length < waitingMax) {
      // Whoever ends hands its place on, so nobody who comes later gets in between.
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else {
      throw new WaybillError('rate_limited', 'Too many secrets are being checked. Try again in a few seconds.');
    }
    try {
      return await derive();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
}
