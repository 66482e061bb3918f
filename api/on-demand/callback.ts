import { WaybillError } from '../../contracts/failures.ts';
import type { WorkflowRun } from '../../stores/temporal/temporal.ts';
import type { ApiDeps } from '../deps.ts';
import { InvalidFields } from '../http/field-errors.ts';

type CallbackDeps = Pick<ApiDeps, 'ledger' | 'webhooks' | 'temporal' | 'logger'>;

/** What a callback must fulfil before its order is placed. @throws InvalidFields; WaybillError `webhook_unavailable` */
export async function checkCallback({ ledger, webhooks }: CallbackDeps, tenant: string, url: string): Promise<void> {
  if (!webhooks) throw invalid('This deployment offers no webhooks. Leave it out.');
  if (!(await ledger.webhooks.find(tenant))) {
    throw invalid('Is signed with a secret that you do not have yet. Get one with PUT /webhooks.');
  }
  try {
    await webhooks.check(url);
  } catch (error) {
    if (!(error instanceof WaybillError) || error.code !== 'webhook_refused') throw error;
    throw invalid('Has an address that the operator does not allow. Use a public one, with https.');
  }
}

/**
 * Lets the address be told of a run that was started or joined. If it has ended already, that is told at once.
 * @throws InvalidFields if too many others are told of it; WaybillError `ledger_unavailable`: the request should be repeated
 */
export async function addCallback(
  { ledger, temporal, logger }: CallbackDeps,
  tenant: string,
  { runId }: WorkflowRun,
  url: string,
): Promise<void> {
  if (!(await ledger.webhookEvents.addCallback({ runId, tenant, url }))) {
    throw invalid('The running export for the same request has as many callbacks as it may have. Poll its status.');
  }
  try {
    if (await ledger.webhookEvents.isDue(tenant)) await temporal.wakeWebhooks(tenant);
  } catch (error) {
    logger.warn({ err: error, tenant, runId }, 'a callback is left to the reconciler');
  }
}

function invalid(sentence: string): InvalidFields {
  return new InvalidFields([{ field: 'callbackUrl', code: 'invalid_field', message: `callbackUrl: ${sentence}` }]);
}
