import { setTimeout as delay } from 'node:timers/promises';
import { isGrpcServiceError, ServiceError } from '@temporalio/client';
import { NamespaceNotFoundError } from '@temporalio/common';
import { WaybillError } from '../../contracts/failures.ts';

/** Default deadline of a call, in milliseconds. */
const CALL_MS = 5000;

/** Retry interval while the server does not know a new namespace or search attribute yet, in milliseconds. */
const PROPAGATION_MS = 250;

/** Implemented by the connections of the API and of workers, and by their clients. */
export interface Deadlines {
  /** @param deadline milliseconds since 1970 */
  withDeadline<Answer>(deadline: number, work: () => Promise<Answer>): Promise<Answer>;
}

/**
 * Makes a call with a deadline, retried while the server does not know a new namespace or search attribute yet. Errors with
 * a class in the SDK, such as a missing schedule, pass through.
 *
 * @param ms deadline in milliseconds
 * @throws WaybillError `temporal_unavailable`
 */
export async function callTemporal<Answer>(
  calls: Deadlines,
  work: () => Promise<Answer>,
  ms: number = CALL_MS,
): Promise<Answer> {
  const deadline = Date.now() + ms;
  for (;;) {
    try {
      return await calls.withDeadline(deadline, work);
    } catch (error) {
      if (!isOutage(error)) throw error;
      if (!isUnprepared(error) || Date.now() + PROPAGATION_MS >= deadline) {
        throw new WaybillError('temporal_unavailable', undefined, { cause: error });
      }
      await delay(PROPAGATION_MS);
    }
  }
}

/** Deadlines of the tries of an idempotent call, in milliseconds. */
const TRIES_MS = [1000, 2000, CALL_MS] as const;

/** The same while a process starts, when no caller waits for an answer. */
export const STARTING_TRIES_MS = [...TRIES_MS, 10_000, 30_000] as const;

/**
 * The same for an idempotent call. Temporal 1.32 sometimes never answers a query of a schedule that is being
 * deleted; it answers the next one.
 *
 * @param triesMs deadline of each try in milliseconds
 */
export async function callAgain<Answer>(
  calls: Deadlines,
  work: () => Promise<Answer>,
  triesMs: readonly number[] = TRIES_MS,
): Promise<Answer> {
  for (const ms of triesMs.slice(0, -1)) {
    try {
      return await callTemporal(calls, work, ms);
    } catch (error) {
      const isLate = LATE.has(grpcAnswer(error)?.code ?? 0);
      if (!(isLate || (error instanceof WaybillError && isUnprepared(error.cause)))) throw error;
    }
  }
  return callTemporal(calls, work, triesMs.at(-1));
}

/** CANCELLED, by the client's own deadline, and DEADLINE_EXCEEDED. Source: grpc/status in the gRPC specification. */
const LATE: ReadonlySet<number> = new Set([1, 4]);

/** @returns the gRPC error behind a `temporal_unavailable` */
export function grpcAnswer(error: unknown): { readonly code: number; readonly message: string } | undefined {
  return error instanceof WaybillError ? grpcCause(error.cause) : undefined;
}

function grpcCause(error: unknown) {
  const answer = error instanceof ServiceError ? error.cause : error;
  return isGrpcServiceError(answer) ? answer : undefined;
}

/** The namespace or one of its search attributes is missing, or the server has not read them yet. */
function isUnprepared(error: unknown): boolean {
  if (error instanceof NamespaceNotFoundError) return true;
  return /^namespace \S+ is not found|search attribute/i.test(grpcCause(error)?.details ?? '');
}

/** A missing namespace counts as an outage: the first worker that starts creates it. */
function isOutage(error: unknown): boolean {
  return isGrpcServiceError(error) || error instanceof ServiceError || error instanceof NamespaceNotFoundError;
}
