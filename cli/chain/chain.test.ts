import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkChain } from './chain.ts';
import { type DeliveredEntity, dayAt, temporaryTree } from './chain-fixture.ts';
import { fourDays, scratch, user } from './four-days-fixture.ts';
import { deliverHistory, steps } from './history-fixture.ts';
import { findDays } from './tree.ts';

const problemsOf = async (root: string) =>
  (await checkChain(findDays(root), undefined)).problems.map(({ text }) => text);

test('days that follow each other are complete from the beginning', async () => {
  const { root } = fourDays();
  const report = await checkChain(findDays(root), undefined);
  expect(report).toMatchObject({ ok: true, tenant: 'acme', missingPredecessor: null });
  expect(report.entities).toMatchObject([
    { entity: 'event', state: 'complete', from: null, to: '2026-01-05T00:00:00.000000Z', files: 8, rows: 4 },
    { entity: 'user', state: 'complete' },
  ]);
});

test('any history of a server is accepted', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (history) => {
      const tree = temporaryTree();
      try {
        deliverHistory(tree.path, history);
        if (history.every(({ run }) => run === 'paused')) return;
        const { problems, entities } = await checkChain(findDays(tree.path), undefined);
        expect(problems).toEqual([]);
        expect(entities.every(({ state }) => state === 'complete')).toBe(true);
      } finally {
        tree.remove();
      }
    }),
    { numRuns: 40 },
  );
});

test.each(['', 'exports/acme', 'fetched/exports/acme'])('the tree is found below "%s"', async (below) => {
  const above = scratch();
  mkdirSync(join(above, below), { recursive: true });
  fourDays(join(above, below));
  const given = below.startsWith('fetched') ? join(above, 'fetched') : above;
  expect((await checkChain(findDays(given), undefined)).ok).toBe(true);
});

test('the trees of two tenants are not taken for one', async () => {
  const above = scratch();
  for (const tenant of ['acme', 'other']) fourDays(join(above, 'exports', tenant), tenant);
  expect(() => findDays(above)).toThrow('several tenants');
  renameSync(join(above, 'exports/acme'), join(above, 'exports/other2'));
  expect(await problemsOf(join(above, 'exports/other2'))).toContain('The manifest is of tenant acme, not of other2.');
});

test('a chain whose first days are gone says so, and is no broken one', async () => {
  const { root, at } = fourDays();
  for (const day of ['01', '02']) rmSync(at(day), { recursive: true });
  const report = await checkChain(findDays(root), undefined);
  expect(report).toMatchObject({ ok: true, missingPredecessor: expect.stringMatching(/^[0-9a-f]{64}$/) });
  expect(report.entities[0]).toMatchObject({ loaded: false, from: '2026-01-03T00:00:00.000000Z' });
});

test('an entity that is no longer delivered ends, one that is missing goes on later', async () => {
  const { root, writer } = fourDays();
  writer.deliver(dayAt(4), [user(96, 120)], ['event']);
  expect((await checkChain(findDays(root), undefined)).entities[0]).toMatchObject({
    state: 'complete',
    missing: 'It failed.',
  });
  writer.deliver(dayAt(4), [user(96, 120)]);
  const { entities, ok } = await checkChain(findDays(root), undefined);
  expect([ok, entities[0]]).toEqual([true, expect.objectContaining({ state: 'ended', lastDay: dayAt(3) })]);
});

test.each<[string, readonly DeliveredEntity[], string | undefined]>([
  ['after a gap', [user(97, 120)], 'user lacks what changed from 2026-01-05T00:00:00.000000Z to 2026-01-05T01'],
  ['that overlaps', [user(95, 120)], 'user goes on from 2026-01-04T23:00:00.000000Z, although it had reached'],
  ['that ends too early', [user(null, 95)], 'user is loaded completely up to 2026-01-04T23:00:00.000000Z only'],
  ['that goes back', [user(96, 95)], 'before it begins'],
  ['of a new entity', [user(96, 120, { entity: 'new' })], 'new begins with a delta'],
  ['twice', [user(96, 120), { ...user(96, 120), entity: 'user2' }], 'user2 begins with a delta'],
  ['loaded again', [user(null, 120)], undefined],
  ['loaded again to the same end', [user(null, 96)], undefined],
])('a window %s', async (_, delivered, problem) => {
  const { root, writer } = fourDays();
  writer.deliver(dayAt(4), delivered);
  const found = await problemsOf(root);
  if (problem === undefined) expect(found).toEqual([]);
  else expect(found).toEqual([expect.stringContaining(problem)]);
});
