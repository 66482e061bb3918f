import type { ListQuestionnairesInput } from '../contracts/handover.ts';
import type { StepResult } from '../contracts/steps.ts';
import { proxyWaited } from './steps.ts';

/** Looks up a tenant's questionnaires, for somebody who waits for them. */
export async function listQuestionnaires(input: ListQuestionnairesInput): Promise<StepResult<null>> {
  return proxyWaited(input.tenant).listQuestionnaires(input);
}
