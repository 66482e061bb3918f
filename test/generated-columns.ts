import fc from 'fast-check';
import type { Variable } from '../formats/table.ts';
import type { Cell } from '../formats/table-fixture.ts';

/** A variable of a generated table with its values, one a row. */
export interface Column {
  readonly variable: Variable;
  readonly cells: readonly Cell[];
}

/** Columns that are generated: many more would take longer than to write and read the table. */
const KINDS_MAX = 40;

/**
 * A table of many columns: some that are generated, repeated in any order, each under a name of its own.
 *
 * @param columns generates one. @param count how many the table has
 */
export function manyColumns(
  columns: fc.Arbitrary<Column>,
  { min, max }: { readonly min: number; readonly max: number },
): fc.Arbitrary<readonly Column[]> {
  return fc
    .record({
      some: fc.array(columns, { minLength: KINDS_MAX / 2, maxLength: KINDS_MAX }),
      count: fc.integer({ min, max }),
      seed: fc.integer({ min: 1, max: 2 ** 31 - 2 }),
    })
    .map(({ some, count, seed }) => {
      let random = seed;
      return Array.from({ length: count }, (_, at) => {
        // Source: Park and Miller, "Random number generators: good ones are hard to find".
        random = (random * 48_271) % 0x7fff_ffff;
        const { variable, cells } = some[random % some.length] ?? { variable: undefined, cells: [] };
        if (!variable) throw new Error('No column was generated.');
        return { variable: { ...variable, name: `${variable.name}_${at}` }, cells };
      });
    });
}
