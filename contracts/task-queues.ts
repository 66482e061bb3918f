/** Temporal names that every process must agree on. */

/** Default queue of workflow tasks and short steps: ledger, publish, clean-up. */
export const TASK_QUEUE_CONTROL = 'waybill';

/**
 * Order in which Temporal hands out tasks; the smallest comes first. Whoever ordered an export waits for it, and nobody for the
 * nightly ones; many orders of one tenant are in between. Within one priority, tenants share a queue fairly.
 */
export const PRIORITIES = { interactive: 2, queued: 3, scheduled: 4, maintenance: 5 } as const;

/**
 * Queue of the long steps that move rows, beside the control queue they belong to. Those that somebody waits for have one of their own,
 * because Temporal hands them out first but cannot take a place back that another part has.
 */
export function partsQueue(controlQueue: string, priority: number): string {
  return `${controlQueue}-${priority === PRIORITIES.interactive ? 'ordered-' : ''}parts`;
}

/**
 * Queue of the steps that only ask the warehouse: what an export will contain, a preview, which questionnaires there are. As with the
 * parts, those that somebody waits for have one of their own.
 */
export function queriesQueue(controlQueue: string, priority: number): string {
  return `${controlQueue}-${priority === PRIORITIES.interactive ? 'ordered-' : ''}queries`;
}

/** Queue of the steps that push files to tenants' own destinations: a slow one must not hold up anything else. */
export function pushQueue(controlQueue: string): string {
  return `${controlQueue}-push`;
}

/** Queue of the steps that send webhooks, which wait for tenants' servers most of the time. */
export function webhooksQueue(controlQueue: string): string {
  return `${controlQueue}-webhooks`;
}

/** Keyword search attributes that ops filter by in the Temporal UI. Registered when a worker starts. */
export const SEARCH_ATTRIBUTES = ['WaybillTenant', 'WaybillDataset', 'WaybillFormat', 'WaybillState'] as const;

/** Workflow type of a run, whatever the kind of export. */
export const RUN_WORKFLOW = 'runExport';

/** Workflow type of a delivery to a tenant's own destination. */
export const PUSH_WORKFLOW = 'pushDelivery';

/** Workflow type that sends the webhooks of a tenant, and its signal that there may be new ones. */
export const WEBHOOKS_WORKFLOW = 'deliverWebhooks';
export const WEBHOOKS_SIGNAL = 'wake';
/** Workflow type of a preview. */
export const PREVIEW_WORKFLOW = 'previewOrder';
/** Workflow type that lists a tenant's questionnaires. */
export const LIST_QUESTIONNAIRES_WORKFLOW = 'listQuestionnaires';

/** Query that a running export answers with its {@link import('./progress.ts').Progress}. */
export const PROGRESS_QUERY = 'progress';

/** Query that a running export answers with {@link import('./progress.ts').PlannedParts}, or `null` before it is planned. */
export const PARTS_QUERY = 'parts';
