import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { nextAttemptAt, WEBHOOK_GIVE_UP_MS, webhookBody, webhookId } from './webhook.ts';

const createdAt = new Date('2026-11-21T01:30:00.000Z');
const later = (ms: number) => new Date(createdAt.getTime() + ms);

describe('an event that is not answered with 2xx', () => {
  test.each([
    [1, 0, 5_000],
    [2, 0, 10_000],
    [3, 1, 22_000],
    [10, 0, 2_560_000],
    [11, 0, 3_600_000],
    [5_000, 0, 3_600_000],
  ])('after %i attempts waits, with the random %d, %i ms', (attempts, random, ms) => {
    expect(nextAttemptAt({ createdAt, attempts }, createdAt, random)).toEqual(later(ms));
  });

  it('waits as long as its receiver asks for, within reason', () => {
    expect(nextAttemptAt({ createdAt, attempts: 1 }, createdAt, 0, 60_000)).toEqual(later(60_000));
    expect(nextAttemptAt({ createdAt, attempts: 1 }, createdAt, 0, 1_000)).toEqual(later(5_000));
    expect(nextAttemptAt({ createdAt, attempts: 1 }, createdAt, 0, 1e15)).toEqual(later(3_600_000));
  });

  it('is tried for a day, the last time at its end, in fewer than 40 attempts', () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (random) => {
        let [now, attempts] = [createdAt, 0];
        for (let next: Date | null = now; next; attempts += 1) {
          expect(next.getTime()).toBeGreaterThanOrEqual(now.getTime());
          now = next;
          next = nextAttemptAt({ createdAt, attempts: attempts + 1 }, now, random);
        }
        expect(now).toEqual(later(WEBHOOK_GIVE_UP_MS));
        expect(attempts).toBeGreaterThan(30);
        expect(attempts).toBeLessThan(40);
      }),
    );
  });
});

describe('the body of an event', () => {
  const eventId = '0b6b7229-1a2a-43c8-bc82-51782230b846';
  const shared = { tenant: 'acme', exportId: eventId };
  const url = 'https://waybill.example/base';

  test.each([
    ['on-demand', { status: `${url}/exports/${eventId}`, manifest: `${url}/exports/${eventId}/manifest` }],
    ['periodic', { status: `${url}/dataexport`, manifest: `${url}/dataexport/manifest` }],
    ['recurring', { status: `${url}/export/runs` }],
    ['another', {}],
  ])('of the kind %s has its links', (kind, links) => {
    const body = webhookBody({ eventId, type: 'export.completed', createdAt, data: { ...shared, kind } }, url);
    expect(JSON.parse(body)).toEqual({
      type: 'export.completed',
      timestamp: '2026-11-21T01:30:00.000Z',
      data: { ...shared, kind, links },
    });
  });

  it('comes with an id without dots, which separate what is signed', () => {
    expect(webhookId(eventId)).toBe('evt_0b6b72291a2a43c8bc8251782230b846');
  });
});
