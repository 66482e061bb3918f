import { isGrpcServiceError, ServiceError } from '@temporalio/client';
import { NamespaceNotFoundError } from '@temporalio/common';
import { WaybillError } from '../../contracts/failures.ts';

/** How long one call may take, unless its caller says otherwise. Milliseconds. */
const CALL_MS = 5000;

/** What the connections of the API and of workers, and their clients, have in common. */
export interface Deadlines {
  /** @param deadline milliseconds since 1970 */
  withDeadline<Answer>(deadline: number, work: () => Promise<Answer>): Promise<Answer>;
}

/**
 * Makes a call that ends within seconds. What the server answers by name, such as that there is no such schedule,
 * passes through.
 *
 * @param ms milliseconds that it may take
 * @throws WaybillError `temporal_unavailable`
 */
export async function callTemporal<Answer>(
  calls: Deadlines,
  work: () => Promise<Answer>,
  ms: number = CALL_MS,
): Promise<Answer> {
  try {
    return await calls.withDeadline(Date.now() + ms, work);
  } catch (error) {
    if (!isTrouble(error)) throw error;
    throw new WaybillError('temporal_unavailable', undefined, { cause: error });
  }
}

/** A missing namespace is trouble as well: the first worker that starts makes it. */
function isTrouble(error: unknown): boolean {
  return isGrpcServiceError(error) || error instanceof ServiceError || error instanceof NamespaceNotFoundError;
}
