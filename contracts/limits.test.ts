import fc from 'fast-check';
import { expect, it } from 'vitest';
import { assertDataset, assertReach, type Limits, mayUseDataset, mayUseDoor, type Reach, UNLIMITED } from './limits.ts';

const refuses = (work: () => void) => {
  try {
    work();
    return null;
  } catch (error) {
    return (error as Error).message;
  }
};
const limited = (doors: string[] | null, datasets: string[] | null): Limits => ({ doors, datasets });

it.each<[Limits, Reach, string | null]>([
  [UNLIMITED, 'tenant', null],
  [UNLIMITED, { door: 'periodic', datasets: 'all' }, null],
  [limited(['periodic'], null), { door: 'periodic', datasets: 'all' }, null],
  [limited(['periodic'], null), { door: 'requests', datasets: 'each' }, 'other kinds of export: periodic'],
  [limited(['periodic'], null), 'tenant', 'whole tenant'],
  [limited(null, ['A']), 'tenant', 'whole tenant'],
  [limited(null, ['A']), { door: 'periodic', datasets: 'each' }, null],
  [limited(null, ['A']), { door: 'periodic', datasets: 'all' }, 'all datasets'],
])('%j at %j', (limits, reach, refusal) => {
  const message = refuses(() => assertReach(limits, reach));
  if (refusal === null) expect(message).toBeNull();
  else expect(message).toContain(refusal);
});

it('limits only by what is listed', () => {
  const names = fc.option(fc.array(fc.constantFrom('A', 'B', 'C'), { minLength: 1 }), { nil: null });
  fc.assert(
    fc.property(names, names, fc.constantFrom('A', 'B', 'C'), (doors, datasets, name) => {
      const limits = { doors, datasets };
      expect(mayUseDoor(limits, name)).toBe(doors === null || doors.includes(name));
      expect(mayUseDataset(limits, name)).toBe(datasets === null || datasets.includes(name));
      expect(refuses(() => assertDataset(limits, name)) === null).toBe(mayUseDataset(limits, name));
    }),
  );
});
