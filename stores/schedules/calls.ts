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

/** Milliseconds after which a call that may be repeated is asked again, before it gets the time of any other. */
const IMPATIENT_MS = [1000, 2000] as const;

/**
 * The same for what may be repeated without harm. Temporal 1.32 sometimes never answers a look at a schedule that its
 * deletion overtakes; asked again it does.
 */
export async function callAgain<Answer>(calls: Deadlines, work: () => Promise<Answer>): Promise<Answer> {
  for (const ms of IMPATIENT_MS) {
    try {
      return await callTemporal(calls, work, ms);
    } catch (error) {
      if (!LATE.has(grpcAnswer(error)?.code ?? 0)) throw error;
    }
  }
  return callTemporal(calls, work);
}

/** CANCELLED, by the client's own deadline, and DEADLINE_EXCEEDED. Source: grpc/status in the gRPC specification. */
const LATE: ReadonlySet<number> = new Set([1, 4]);

/** @returns what the server, or the deadline, answered to a call that came to `temporal_unavailable` */
export function grpcAnswer(error: unknown): { readonly code: number; readonly message: string } | undefined {
  const call = error instanceof WaybillError ? error.cause : undefined;
  const answer = call instanceof ServiceError ? call.cause : call;
  return isGrpcServiceError(answer) ? answer : undefined;
}

/** A missing namespace is trouble as well: the first worker that starts makes it. */
function isTrouble(error: unknown): boolean {
  return isGrpcServiceError(error) || error instanceof ServiceError || error instanceof NamespaceNotFoundError;
}
