import { describe, expect, it } from 'vitest';
import type { Instant } from '../../../contracts/instant.ts';
import { createTimes } from './times.ts';

const now = new Date('2026-11-24T13:40:00Z');
const times = createTimes('Europe/Amsterdam', now);
const text = (markup: unknown) => String(markup).replace(/<[^>]*>/g, '');

it.each([
  ['2026-11-24T13:39:30Z', 'just now'],
  ['2026-11-24T13:38:02Z', '2\u00A0min ago'],
  ['2026-11-24T12:40:01Z', '60\u00A0min ago'],
  ['2026-11-24T12:39:59Z', '13:39'],
  ['2026-11-23T23:00:00Z', '00:00'],
  ['2026-11-23T22:59:59Z', '23 Nov 23:59'],
  ['2025-09-01T10:00:00Z', '1 Sep 2025 12:00'],
])('%s was %j', (at, expected) => expect(text(times.ago(new Date(at)))).toBe(expected));

it.each([
  ['2026-11-24T13:40:30Z', 'in 1\u00A0min'],
  ['2026-11-24T18:40:00Z', 'in 5\u00A0h'],
  ['2026-12-02T13:40:00Z', 'in 8\u00A0days'],
])('%s is %j', (at, expected) => expect(text(times.until(new Date(at)))).toBe(expected));

it.each([
  ['2026-11-24T22:59:00Z', 'today at 23:59'],
  ['2026-11-24T23:00:00Z', 'tomorrow at 00:00'],
  ['2026-11-25T22:59:00Z', 'tomorrow at 23:59'],
  ['2026-11-25T23:00:00Z', '26 Nov 00:00'],
])('%s is next %j', (at, expected) => expect(text(times.next(new Date(at)))).toBe(expected));

it('counts days by the calendar where the clock goes back', () => {
  const autumn = createTimes('Europe/Amsterdam', new Date('2026-10-24T22:10:00Z'));
  expect(text(autumn.next(new Date('2026-10-25T22:30:00Z')))).toBe('today at 23:30');
  expect(text(autumn.next(new Date('2026-10-25T23:30:00Z')))).toBe('tomorrow at 00:30');
});

it('is bold from three days on, and exact in its title', () => {
  expect(String(times.until(new Date('2026-11-26T13:40:00Z')))).toContain('<strong>');
  expect(String(times.until(new Date('2026-12-26T13:40:00Z')))).not.toContain('<strong>');
  expect(String(times.moment(new Date('2026-11-24T13:39:12.345Z')))).toBe(
    '<time datetime="2026-11-24T13:39:12.345Z" title="Tuesday 24 Nov 2026, 14:39:12 Europe/Amsterdam; 2026-11-24T13:39:12Z">24 Nov 14:39</time>',
  );
});

describe('a window', () => {
  const inclusive = (from: string, to: string) =>
    times.window({ from: from as Instant, to: to as Instant, bounds: 'inclusive' });
  it.each([
    ['2026-09-30T22:00:00.000000Z', '2026-10-31T22:59:59.999999Z', '1 – 31 Oct 2026'],
    ['2025-12-31T23:00:00.000000Z', '2026-09-30T21:59:59.999999Z', '1 Jan – 30 Sep 2026'],
    ['2025-10-31T23:00:00.000000Z', '2026-10-31T22:59:59.999999Z', '1 Nov 2025 – 31 Oct 2026'],
    ['2026-09-30T22:00:00.000000Z', '2026-10-01T21:59:59.999999Z', '1 Oct 2026'],
    ['0001-01-01T00:00:00.000000Z', '9999-12-31T23:59:59.999999Z', 'all'],
    ['0001-01-01T00:00:00.000000Z', '2026-10-31T22:59:59.999999Z', 'up to 31 Oct 2026'],
    ['2026-09-30T22:00:00.000000Z', '9999-12-31T23:59:59.999999Z', 'from 1 Oct 2026'],
    ['2026-10-01T04:00:00.000000Z', '2026-10-02T05:15:30.000000Z', '1 Oct 2026 06:00 – 2 Oct 2026 07:15:30'],
  ])('from %s to %s is %j', (from, to, expected) => expect(inclusive(from, to)).toBe(expected));

  it('of changes ends before its last moment', () => {
    const window = { from: '2026-09-30T22:00:00.000000Z', to: '2026-10-31T23:00:00.000000Z', bounds: 'half-open' };
    expect(times.window(window as never)).toBe('1 – 31 Oct 2026');
    expect(times.window(null)).toBe('all');
  });
});
