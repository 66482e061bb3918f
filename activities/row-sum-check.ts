import { WaybillError } from '../contracts/failures.ts';
import type { RowSum } from '../contracts/plan.ts';

/**
 * Compares what was read with what was planned.
 *
 * @param advice what the caller can do, a sentence
 * @throws WaybillError `source_changed`
 */
export function assertSameRows(name: string, planned: RowSum, { rows, rowsHash }: RowSum, advice: string): void {
  if (rows === planned.rows && rowsHash === planned.rowsHash) return;
  const how =
    rows === planned.rows
      ? `as many rows were read as were counted, ${rows}, but not the same ones`
      : `${planned.rows} rows were counted, ${rows} were read`;
  throw new WaybillError('source_changed', `${name} changed while it was being exported: ${how}. ${advice}`);
}
