import type { PreviewInput } from '../contracts/preview.ts';
import type { StepResult } from '../contracts/steps.ts';
import { proxyWaited } from './steps.ts';

/** Looks at what an order would export, for somebody who waits for it. */
export async function previewOrder(input: PreviewInput): Promise<StepResult<null>> {
  return proxyWaited(input.tenant).preview(input);
}
