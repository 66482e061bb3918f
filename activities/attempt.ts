import type { Info } from '@temporalio/activity';

/** Text that no two attempts at a part share: the run (a reset makes a new one) and the attempt's number. */
export function attemptName(info: Pick<Info, 'attempt' | 'workflowExecution'>): string {
  return `${info.workflowExecution?.runId.slice(0, 8) ?? 'direct'}-${info.attempt}`;
}
