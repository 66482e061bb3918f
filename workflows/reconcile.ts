import type { Reconciled } from '../contracts/steps.ts';
import { proxyReconciling } from './steps.ts';

/** One pass of the reconciler. Its schedule starts the next one; two never run at once. */
export async function reconcile(): Promise<Reconciled> {
  return proxyReconciling().reconcile({ now: new Date().toISOString() });
}
