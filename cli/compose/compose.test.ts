import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Cell, field, temporaryTree } from '../chain/chain-fixture.ts';
import { deliverHistory, steps } from '../chain/history-fixture.ts';
import { compose } from './run-fixture.ts';

const byKey = (one: readonly Cell[], other: readonly Cell[]) => Number(one[0]) - Number(other[0]);

test('the state after any history is that of a map by key', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (history) => {
      const tree = temporaryTree();
      try {
        const expected = deliverHistory(join(tree.path, 'exports'), history);
        if (!expected) return;
        const csv = join(tree.path, 'user.csv');
        const { code, errors } = await compose(join(tree.path, 'exports'), '-o', csv, '--entity', 'user');
        expect([code, errors]).toEqual([0, expect.any(String)]);
        const lines = [...expected.rows.values()].sort(byKey).map((cells) => cells.map(field).join(','));
        const [header, ...found] = records(readFileSync(csv, 'utf8'));
        expect(header).toBe(expected.columns.join(','));
        expect(found.sort((one, other) => parseInt(one, 10) - parseInt(other, 10))).toEqual(lines);
      } finally {
        tree.remove();
      }
    }),
    { numRuns: 25 },
  );
}, 120_000);

/** Splits CSV at line feeds outside quotes. */
function records(csv: string): string[] {
  return csv.match(/(?:"[^"]*"|[^"\n])+(?=\n)/g) ?? [];
}
