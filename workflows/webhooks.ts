import { condition, continueAsNew, defineSignal, setCurrentDetails, setHandler } from '@temporalio/workflow';
import { WEBHOOKS_SIGNAL } from '../contracts/task-queues.ts';
import { proxyWebhooks } from './steps.ts';

export const wakeSignal = defineSignal(WEBHOOKS_SIGNAL);

/** Passes until the history begins anew. */
const PASSES_MAX = 200;

/**
 * Sends the webhooks of one tenant, and waits until the next attempt is due or somebody signals that there are new ones. Ends when
 * none is pending. What is pending is in the ledger alone, so nothing is lost with this workflow.
 */
export async function deliverWebhooks(input: { readonly tenant: string }): Promise<void> {
  const { sendWebhooks } = proxyWebhooks(input.tenant);
  let woken = false;
  setHandler(wakeSignal, () => {
    woken = true;
  });
  for (let pass = 0; pass < PASSES_MAX; pass += 1) {
    woken = false;
    const { nextAt } = await sendWebhooks(input);
    if (nextAt === null && !woken) return;
    setCurrentDetails(
      `**Webhooks** of **${input.tenant}**: ${nextAt === null ? 'there are new ones' : `the next attempt is due at ${nextAt}`}`,
    );
    const ms = Date.parse(nextAt ?? '') - Date.now();
    if (ms > 0) await condition(() => woken, ms);
  }
  await continueAsNew<typeof deliverWebhooks>(input);
}
