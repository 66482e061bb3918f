import type { RemoveInput } from '../contracts/steps.ts';
import { proxySteps } from './steps.ts';

/**
 * Removes an export's files when their time has come. Started with a delay when the export completed, so that nothing
 * is open meanwhile; harmless when the files were deleted before.
 */
export async function expireExport({ exportId, tenant }: RemoveInput): Promise<void> {
  const steps = proxySteps(tenant);
  await steps.cleaning.removeExport({ exportId, tenant });
  await steps.ledger.recordExpiry({ exportId });
}
