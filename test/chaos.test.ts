import { expect, it } from 'vitest';
import { FAULTS } from './chaos/faults.ts';
import { runChaos } from './chaos/run.ts';
import { useStack } from './context.ts';

/** `npm run chaos` goes on for ten minutes. */
const SECONDS = 120;

it('loses, doubles and leaves nothing, whatever is killed, frozen or cut off', { timeout: 420_000 }, async () => {
  const { audit, load, processes, struck, generations, lines } = await runChaos({
    seconds: SECONDS,
    environment: useStack().environment,
    say: () => undefined,
  });
  const story = lines.join('\n');
  expect(audit.wrong, story).toEqual([]);
  expect(audit.stuck, story).toEqual([]);
  expect(audit.strays, story).toEqual([]);
  expect(processes, story).toEqual([]);
  expect(load.violations, story).toEqual([]);
  expect(new Set(struck).size).toBe(FAULTS.length);
  expect(load.downloaded).toBeGreaterThan(5);
  expect(load.cancelled).toBeGreaterThan(0);
  expect(audit.read).toBeGreaterThan(10);
  expect(generations).toBeGreaterThan(0);
});
