import { expect, it } from 'vitest';
import type { Recurrence } from '../../../contracts/recurrence.ts';
import { lastDue } from './due.ts';

const daily: Recurrence = { every: 'day', at: '01:30' };
const weekly: Recurrence = { every: 'week', on: 'MONDAY', at: '14:00' };
const monthly: Recurrence = { every: 'month', on: 1, at: '00:00' };

it.each([
  [daily, 'UTC', '2026-11-24T01:30:00Z', '2026-11-24T01:30:00.000Z'],
  [daily, 'UTC', '2026-11-24T01:29:59Z', '2026-11-23T01:30:00.000Z'],
  [daily, 'Asia/Tokyo', '2026-11-24T00:00:00Z', '2026-11-23T16:30:00.000Z'],
  // The clock skips 02:00 to 03:00.
  [{ every: 'day', at: '02:30' }, 'Europe/Amsterdam', '2026-03-29T12:00:00Z', '2026-03-29T01:30:00.000Z'],
  [weekly, 'Europe/Amsterdam', '2026-11-24T12:00:00Z', '2026-11-23T13:00:00.000Z'],
  [weekly, 'Europe/Amsterdam', '2026-11-23T12:59:59Z', '2026-11-16T13:00:00.000Z'],
  [monthly, 'America/New_York', '2026-11-24T12:00:00Z', '2026-11-01T04:00:00.000Z'],
] as const)('%j in %s at %s', (recurrence, zone, now, due) => {
  expect(lastDue(recurrence, zone, new Date(now)).toISOString()).toBe(due);
});
