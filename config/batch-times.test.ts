import { expect, test } from 'vitest';
import { isBatchSchedule, nextBatch } from './batch-times.ts';

test.each([
  ['immediately', true],
  ['0 2 * * *', true],
  ['*/15 8-18 * * MON-FRI', true],
  ['Immediately', false],
  ['', false],
  ['0 2 * *', false],
  ['0 0 2 * * *', false],
  ['61 2 * * *', false],
  ['0 2 30 2 *', false],
  ['nightly', false],
])('%j is a schedule: %s', (text, expected) => {
  expect(isBatchSchedule(text)).toBe(expected);
});

test.each([
  // Summer time begins at 2:00 on 29 March, and ends at 3:00 on 25 October.
  ['0 2 * * *', 'Europe/Amsterdam', '2026-01-10T00:59:59.999Z', '2026-01-10T01:00:00.000Z'],
  ['0 2 * * *', 'Europe/Amsterdam', '2026-01-10T01:00:00.000Z', '2026-01-11T01:00:00.000Z'],
  ['30 2 * * *', 'Europe/Amsterdam', '2026-03-28T12:00:00.000Z', '2026-03-29T01:00:00.000Z'],
  ['30 2 * * *', 'Europe/Amsterdam', '2026-10-24T12:00:00.000Z', '2026-10-25T00:30:00.000Z'],
  ['0 0 * * *', 'Pacific/Auckland', '2026-06-30T11:59:00.000Z', '2026-06-30T12:00:00.000Z'],
  ['0 0 1 1 *', 'UTC', '2026-01-01T00:00:00.001Z', '2027-01-01T00:00:00.000Z'],
])('%s in %s comes after %s at %s', (schedule, timeZone, now, expected) => {
  expect(nextBatch(schedule, timeZone, new Date(now))?.toISOString()).toBe(expected);
});

test('immediately waits for nothing', () => {
  expect(nextBatch('immediately', 'UTC', new Date())).toBeNull();
});
