import { shortInstant } from './instant.ts';
import type { Order } from './order.ts';

/**
 * What identifies an export to a caller: the workflow and its first run. Its published form is padded standard base64
 * of the JSON array `[workflowId, runId]`. It can be forged, so it authorizes nothing: the tenant is checked.
 */
export interface JobId {
  readonly workflowId: string;
  readonly runId: string;
}

const RUN_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export function encodeJobId(job: JobId): string {
  return Buffer.from(JSON.stringify([job.workflowId, job.runId]), 'utf8').toString('base64');
}

/**
 * Reads a job id. Also accepts the URL-safe alphabet, missing padding, and spaces from an unescaped `+` in a query.
 * @returns `undefined` if it is not valid
 */
export function decodeJobId(text: string): JobId | undefined {
  const normal = text.trim().replaceAll(' ', '+').replaceAll('-', '+').replaceAll('_', '/');
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(normal)) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(normal, 'base64').toString('utf8'));
  } catch {
    return undefined;
  }
  if (!Array.isArray(parsed) || parsed.length !== 2) return undefined;
  const [workflowId, runId]: unknown[] = parsed;
  if (typeof workflowId !== 'string' || typeof runId !== 'string' || !isRunId(runId)) return undefined;
  return { workflowId, runId };
}

/** An export's id inside Waybill (ledger, object keys) is the run id of its workflow's first run: a lower-case UUID. */
export function isRunId(text: string): boolean {
  return RUN_ID.test(text);
}

/** Short hashes of what an order has beyond the published contract; `''`: nothing. */
export interface OrderDigests {
  readonly filter: string;
  /** Of compression, sealing, columns, CSV options and retention, if any has not its default. */
  readonly options: string;
}

/**
 * The workflow id of an on-demand export. Two orders share one if and only if they request the same thing.
 *
 * Ids of orders without filter and options look as documented.
 */
export function onDemandWorkflowId(order: Order, digests: OrderDigests): string {
  const pieces = [
    'data-export',
    `tenantKey:${order.tenant}`,
    `type:${order.dataset.toLowerCase()}`,
    `format:${order.format}`,
    `start:${shortInstant(order.window.from)}`,
    `end:${shortInstant(order.window.to)}`,
    ...Object.keys(order.parameters)
      .sort()
      .map((name) => `${name}:${encodeURIComponent(String(order.parameters[name]))}`),
    ...(digests.filter ? [`filter:${digests.filter}`] : []),
  ];
  if (digests.options) pieces.push(`options:${digests.options}`);
  return pieces.join('|');
}
