import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { instantFromDate } from '../contracts/instant.ts';
import { RECURRING } from '../contracts/recurring.ts';
import type { WindowGap } from '../stores/ledger/ports.ts';
import { addTenant, TOTALS, useLedger } from './ledger-set-up.ts';

const { ledger } = await useLedger();
const { kind } = RECURRING;

const dayOf = (number: number) => new Date(Date.UTC(2026, 0, number)).toISOString().slice(0, 10);
const instant = (number: number) => instantFromDate(new Date(Date.UTC(2026, 0, number)));

/** A day's window of each of two datasets begins with the day; `null`: the dataset is not in it. */
interface Delivered {
  readonly complete: boolean;
  readonly length: number;
}
const delivered = fc.option(fc.record({ complete: fc.boolean(), length: fc.integer({ min: 1, max: 3 }) }));
const days = fc.array(fc.tuple(delivered, delivered), { minLength: 1, maxLength: 8 });

/** The same as the statement of the ledger, one file after the other. */
function gapsOf(dataset: string, files: readonly (Delivered | null)[]): readonly WindowGap[] {
  const there = files.flatMap((file, place) => (file ? [{ ...file, number: place + 1 }] : []));
  return there.flatMap(({ number, length, complete }, place) => {
    const earlier = there.slice(0, place);
    const reached = Math.max(...earlier.map((file) => file.number));
    const from = number - length;
    if (complete || earlier.length === 0 || from <= reached) return [];
    const closing = there.slice(place + 1).find((file) => file.complete);
    return [
      {
        ...{ dataset, from: instant(reached), to: instant(from), lastDay: dayOf(reached), nextDay: dayOf(number) },
        closedBy: closing ? dayOf(closing.number) : null,
      },
    ];
  });
}

test('coverage finds what no delivered window has', async () => {
  await fc.assert(
    fc.asyncProperty(days, async (history) => {
      const tenant = await addTenant(ledger);
      for (const [place, [user, site]] of history.entries()) {
        const number = place + 1;
        const files = Object.entries({ user, site }).flatMap(([dataset, file]) =>
          file
            ? [
                {
                  ...{ dataset, complete: file.complete, columns: [], rows: 1, windowTo: instant(number) },
                  windowFrom: file.complete ? null : instant(number - file.length),
                },
              ]
            : [],
        );
        if (files.length === 0) continue;
        await ledger.runs.restore({
          ...{ ...TOTALS, runId: randomUUID(), workflowId: 'w', tenant, kind, subject: kind },
          ...{ day: dayOf(number), delivered: files, endedAt: new Date(), expiresAt: null },
        });
      }
      const found = await ledger.registrations.coverage({ tenant, kind });
      const numbers = history.flatMap((files, place) => (files.some((file) => file !== null) ? [place + 1] : []));
      const [first, last] = [numbers[0], numbers.at(-1)];
      expect(found).toMatchObject({
        days: numbers.length,
        firstDay: first === undefined ? null : dayOf(first),
        lastDay: last === undefined ? null : dayOf(last),
        to: last === undefined ? null : instant(last),
      });
      const expected = [
        ...gapsOf(
          'user',
          history.map(([user]) => user),
        ),
        ...gapsOf(
          'site',
          history.map(([, site]) => site),
        ),
      ].toSorted((one, other) => one.nextDay.localeCompare(other.nextDay) || one.dataset.localeCompare(other.dataset));
      expect(found.gaps).toEqual(expected);
    }),
    { numRuns: 60 },
  );
});
