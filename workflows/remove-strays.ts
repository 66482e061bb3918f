import type { StrayInput } from '../contracts/strays.ts';
import { proxySteps } from './steps.ts';

/**
 * Looks again at what a run left, and removes what workers that were lost have written since. Started with a delay, so
 * that nothing is open meanwhile.
 */
export async function removeStrays(input: StrayInput): Promise<void> {
  await proxySteps(input.tenant).cleaning.removeStrays(input);
}
