import { z } from 'zod';

/** Most conditions of a filter, and most values of one `in`. */
export const FILTER_MAX = { conditions: 20, values: 1000 } as const;

const FORM = 'Should have column, and op: one of eq, in, range, isNull.';

/** @param value how a value is sent, or how it is recorded */
function conditions<Value extends z.ZodType>(value: Value) {
  const column = z.string().meta({ description: 'Name of a column that the dataset exports.' });
  const end = value.nullable().meta({ description: 'Included; null: open.' });
  return z
    .discriminatedUnion(
      'op',
      [
        z.strictObject({ column, op: z.literal('eq'), value }),
        z.strictObject({
          column,
          op: z.literal('in'),
          values: z
            .array(value)
            .min(1, 'Should list at least one value.')
            .max(FILTER_MAX.values, `Should list at most ${FILTER_MAX.values} values.`)
            .readonly(),
        }),
        z.strictObject({ column, op: z.literal('range'), from: end.default(null), to: end.default(null) }),
        z.strictObject({ column, op: z.literal('isNull') }),
      ],
      { error: FORM },
    )
    .meta({ description: 'Which rows: of several conditions, all must hold. NULL equals nothing and is in no range.' });
}

/** A filter as callers send it. */
export const RequestedFilter = z
  .array(conditions(z.union([z.string(), z.number(), z.boolean()], 'Should be a text, a number, true or false.')))
  .max(FILTER_MAX.conditions, `Should have at most ${FILTER_MAX.conditions} conditions.`)
  .default([])
  .meta({
    description:
      'Conditions on columns that all must hold: `eq` with `value`, `in` with `values`, `range` with `from` and `to`, both ' +
      'included, or `isNull`.',
    example: [{ column: 'id', op: 'range', from: 1, to: 100 }],
  });
export type RequestedFilter = z.infer<typeof RequestedFilter>;

/**
 * A filter as it is recorded, in one form for all that mean the same: sorted, values as texts (`12.5`, never `12.50`; instants with
 * microseconds, UTC) except booleans.
 */
export const Filter = z.array(conditions(z.union([z.string(), z.boolean()]))).readonly();
export type FilterValue = string | boolean;

/** One condition on a column, see {@link Filter}. */
export type Condition = z.infer<typeof Filter>[number];
