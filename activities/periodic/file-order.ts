import { CSV_DEFAULTS, type FileOrder } from '../../contracts/order.ts';
import type { PeriodicFormat } from '../../contracts/periodic.ts';

/**
 * One file of a generation: everything that the dataset has of the tenant, sealed, and not compressed, so that `age -d`
 * gives the very file.
 */
export function fileOrder(tenant: string, dataset: string, format: PeriodicFormat, recipient: string): FileOrder {
  return {
    tenant,
    dataset,
    window: null,
    parameters: {},
    format,
    csv: CSV_DEFAULTS,
    columns: null,
    compression: 'none',
    recipients: [recipient],
  };
}
