import { expect, test } from 'vitest';
import { serveHealth } from './health.ts';

test('answers 503 with Retry-After while the worker does not run, then 200', async () => {
  let healthy = false;
  const server = serveHealth(0, () => healthy);
  await expect.poll(() => server.listening).toBe(true);
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the health server has no port');
  const ask = async () => {
    const answer = await fetch(`http://127.0.0.1:${address.port}/healthz`);
    return [answer.status, answer.headers.get('retry-after'), await answer.json()];
  };
  try {
    expect(await ask()).toEqual([503, '5', { healthy: false }]);
    healthy = true;
    expect(await ask()).toEqual([200, null, { healthy: true }]);
  } finally {
    server.close();
  }
});
