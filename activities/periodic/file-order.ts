import { CSV_DEFAULTS, type FileOrder, type PeriodicFormat } from '../../contracts/order.ts';

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
