import { setTimeout as delay } from 'node:timers/promises';

const INTERVAL_MS = 50;

/**
 * Reads a value until it fulfils a condition.
 *
 * @throws Error with the last value after so many seconds
 */
export async function waitUntil<Value>(
  read: () => Promise<Value>,
  condition: (value: Value) => boolean,
  seconds: number,
): Promise<Value> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const value = await read();
    if (condition(value)) return value;
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${JSON.stringify(value)}`);
    await delay(INTERVAL_MS);
  }
}
