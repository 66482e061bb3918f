/**
 * Text that no two attempts at a part share: the run (a reset makes a new one) and the attempt's number. A later attempt
 * can name its predecessors, and so find the uploads that a killed worker left open.
 */
export function attemptName(runId: string, attempt: number): string {
  // Run ids begin with their time; what tells two of them apart is at the end.
  return `${runId.slice(-12)}-${attempt}`;
}
