/** Temporal names that every process must agree on. */

/** Workflow tasks and short steps: ledger, plan, publish, clean-up, expiry. */
export const TASK_QUEUE_CONTROL = 'waybill';
/** Long steps that move rows: one slot writes one part. */
export const TASK_QUEUE_PARTS = 'waybill-parts';

/** Keyword search attributes that ops filter by in the Temporal UI. Registered when a worker starts. */
export const SEARCH_ATTRIBUTES = ['WaybillTenant', 'WaybillDataset', 'WaybillFormat', 'WaybillState'] as const;
