import { WaybillError } from '../../contracts/failures.ts';

/**
 * Runs key derivations with bounded concurrency and a bounded queue.
 * @throws WaybillError `rate_limited` immediately if the queue is full
 */
export type DerivationQueue = <Result>(derive: () => Promise<Result>) => Promise<Result>;

/**
 * @param runningMax how many may run at once
 * @param waitingMax how many may wait
 */
export function createDerivationQueue(runningMax: number, waitingMax: number): DerivationQueue {
  const waiting: (() => void)[] = [];
  let running = 0;

  return async function takeTurn(derive) {
    if (running < runningMax) {
      running += 1;
    } else if (waiting.length < waitingMax) {
      // A finished derivation hands its slot to the next in line, so a later caller cannot jump the queue.
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
