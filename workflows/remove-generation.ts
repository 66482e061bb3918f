import type { RemoveGenerationInput } from '../contracts/periodic-steps.ts';
import { proxySteps } from './steps.ts';

/**
 * Removes a generation's files once nobody can be downloading them any more. Started with a delay when it was replaced,
 * so that nothing is open meanwhile; harmless when they are gone already.
 */
export async function removeGeneration(input: RemoveGenerationInput): Promise<void> {
  await proxySteps(input.tenant).cleaning.removeGenerationFiles(input);
}
