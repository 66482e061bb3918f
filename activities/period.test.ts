import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RECURRING } from '../contracts/recurring.ts';
import { latestTime, periodOf } from './period.ts';

const DEPLOYMENT = { runTime: { at: '01:30', timeZone: 'UTC' } };
const daily = (at: string) => ({ every: 'day', at }) as const;

describe('the latest time of a schedule', () => {
  it.each([
    // Before and at the time of day.
    ['UTC', daily('01:30'), '2026-11-29T01:29:59.999Z', '2026-11-28', '2026-11-28T01:30:00.000000Z'],
    ['UTC', daily('01:30'), '2026-11-29T01:30:00.000Z', '2026-11-29', '2026-11-29T01:30:00.000000Z'],
    // The day is the one of the time zone.
    ['Pacific/Kiritimati', daily('00:30'), '2026-11-28T10:30:00Z', '2026-11-29', '2026-11-28T10:30:00.000000Z'],
    ['America/New_York', daily('23:00'), '2026-11-29T04:00:00Z', '2026-11-28', '2026-11-29T04:00:00.000000Z'],
    // Spring: 02:30 does not exist. Autumn: it exists twice, and the first counts.
    ['Europe/Amsterdam', daily('02:30'), '2026-03-29T00:59:00Z', '2026-03-28', '2026-03-28T01:30:00.000000Z'],
    ['Europe/Amsterdam', daily('02:30'), '2026-03-29T01:30:00Z', '2026-03-29', '2026-03-29T01:30:00.000000Z'],
    ['Europe/Amsterdam', daily('02:30'), '2026-10-25T00:29:00Z', '2026-10-24', '2026-10-24T00:30:00.000000Z'],
    ['Europe/Amsterdam', daily('02:30'), '2026-10-25T01:30:00Z', '2026-10-25', '2026-10-25T00:30:00.000000Z'],
    // The clock skips midnight.
    ['Asia/Beirut', daily('00:00'), '2026-03-28T23:00:00Z', '2026-03-29', '2026-03-28T22:00:00.000000Z'],
    [
      'UTC',
      { every: 'week', on: 'MONDAY', at: '01:30' },
      '2026-11-29T12:00:00Z',
      '2026-11-23',
      '2026-11-23T01:30:00.000000Z',
    ],
    [
      'UTC',
      { every: 'month', on: 1, at: '01:30' },
      '2027-01-01T01:00:00Z',
      '2026-12-01',
      '2026-12-01T01:30:00.000000Z',
    ],
    [
      'UTC',
      { every: 'month', on: 28, at: '01:30' },
      '2027-03-01T01:00:00Z',
      '2027-02-28',
      '2027-02-28T01:30:00.000000Z',
    ],
  ] as const)('%s %o before %s', (timeZone, recurrence, before, day, at) => {
    expect(latestTime(recurrence, timeZone, new Date(before))).toEqual({ day, at });
  });

  it('never goes back, and no day has two of a schedule', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('UTC', 'Europe/Amsterdam', 'America/St_Johns', 'Australia/Lord_Howe', 'Africa/Casablanca'),
        fc.constantFrom(
          ...(['daily', 'weekly', 'monthly'] as const).map((frequency) => RECURRING.recurrence('02:15', frequency)),
        ),
        fc.array(fc.date({ min: new Date('2024-01-01'), max: new Date('2027-01-01'), noInvalidDate: true }), {
          minLength: 2,
          maxLength: 20,
        }),
        (timeZone, recurrence, moments) => {
          const found = moments
            .sort((one, other) => one.getTime() - other.getTime())
            .map((moment) => ({ ...latestTime(recurrence, timeZone, moment), moment }));
          for (const [index, { at, day, moment }] of found.entries()) {
            expect(Date.parse(at)).toBeLessThanOrEqual(moment.getTime());
            const before = found[index - 1];
            if (!before) continue;
            expect(at >= before.at && day >= before.day).toBe(true);
            expect(at === before.at).toBe(day === before.day);
          }
        },
      ),
    );
  });
});

describe('what a run covers', () => {
  const startedAt = new Date('2026-11-29T12:00:00Z');

  it('is all before the latest time of the schedule, which the tenant may have chosen', () => {
    const order = { recurrence: { at: null, timeZone: 'Asia/Tokyo', frequency: 'weekly' } } as const;
    expect(periodOf(RECURRING, order, DEPLOYMENT, { asked: undefined, startedAt })).toEqual({
      day: '2026-11-23',
      end: '2026-11-22T16:30:00.000000Z',
    });
    expect(periodOf(RECURRING, { recurrence: null }, DEPLOYMENT, { asked: undefined, startedAt })).toEqual({
      day: '2026-11-29',
      end: '2026-11-29T01:30:00.000000Z',
    });
  });

  it('is what has changed so far, or a day once more, if it was asked for', () => {
    const order = { recurrence: { at: '01:30', timeZone: 'Asia/Tokyo' } };
    const until = '2026-11-29T15:00:00.123Z';
    expect(periodOf(RECURRING, order, DEPLOYMENT, { asked: { until }, startedAt })).toEqual({
      day: '2026-11-30',
      end: '2026-11-29T15:00:00.123000Z',
    });
    const asked = { day: '2026-11-20' };
    expect(periodOf(RECURRING, order, DEPLOYMENT, { asked, startedAt })).toEqual(asked);
  });
});
