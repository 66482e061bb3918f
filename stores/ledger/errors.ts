import pg from 'pg';
import { WaybillError } from '../../contracts/failures.ts';

/**
 * Translates an error of the database or its driver into a failure; the original is its `cause`.
 *
 * - SQLSTATE class 22 (data exception: a NUL character, a number out of range): `invalid_field`, not retryable.
 * - TypeError, RangeError and SyntaxError are bugs and stay as they are.
 * - Everything else (no connection, no such database, refused, timed out, not migrated yet): `ledger_unavailable`.
 *
 * Source: PostgreSQL manual, appendix A, error codes.
 */
export function toFailure(error: unknown): unknown {
  if (error instanceof WaybillError || isBug(error)) return error;
  if (error instanceof pg.DatabaseError && error.code?.startsWith('22')) {
    const message = 'A value contains characters or numbers that cannot be stored. Change it.';
    return new WaybillError('invalid_field', message, { cause: error });
  }
  return new WaybillError('ledger_unavailable', undefined, { cause: error });
}

function isBug(error: unknown): boolean {
  return error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError;
}

/** Whether an insert failed because the key already exists (SQLSTATE 23505). */
export function isTaken(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '23505';
}

/** SQLSTATEs that mean that the server ends this connection or has become read-only. */
const CONNECTION_LOST = /^(08...|57P..|25006|25P03|25P04)$/;

/**
 * Whether a connection must be closed after this error: either the error did not come from PostgreSQL, so the state of the
 * statement is unknown, or PostgreSQL ends the connection. A server that refuses writes (25006) has become a replica; a
 * new connection reaches the new primary.
 */
export function endsConnection(error: unknown): boolean {
  return !(error instanceof pg.DatabaseError) || CONNECTION_LOST.test(error.code ?? '');
}
