import pg from 'pg';
import { WaybillError } from '../../contracts/failures.ts';

/**
 * Turns what the database or its driver threw into a failure that callers know. The original is kept as `cause`.
 *
 * - SQLSTATE class 22 (data exception: a NUL character, a number out of range): `invalid_field`, a retry would not help.
 * - TypeError, RangeError and the like are mistakes of ours and stay what they are.
 * - All else (no connection, no such database, refused, timed out, not migrated yet): `ledger_unavailable`.
 *
 * Source: PostgreSQL manual, appendix A, error codes.
 */
export function ledgerTrouble(error: unknown): unknown {
  if (error instanceof WaybillError || isMistake(error)) return error;
  if (error instanceof pg.DatabaseError && error.code?.startsWith('22')) {
    return new WaybillError('invalid_field', 'A value holds characters or numbers that cannot be stored. Change it.', {
      cause: error,
    });
  }
  return new WaybillError('ledger_unavailable', undefined, { cause: error });
}

/** SQLSTATEs by which a server says that this connection ends, or that it serves no writes any more. */
const PARTING = /^(08...|57P..|25006|25P03|25P04)$/;

/**
 * Whether a connection is not to be used again after this error: PostgreSQL did not send it, so the state of the
 * statement is unknown, or it says that the connection ends. A server that refuses writes (25006) has become a replica;
 * a new connection finds the one that took over.
 */
export function endsConnection(error: unknown): boolean {
  return !(error instanceof pg.DatabaseError) || PARTING.test(error.code ?? '');
}

function isMistake(error: unknown): boolean {
  return error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError;
}

/** Whether an insert was refused because the key is there already (SQLSTATE 23505). */
export function isTaken(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '23505';
}

/** PostgreSQL's `text` and `jsonb` cannot hold NUL or half a surrogate pair; U+FFFD stands for them. */
export function storable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\uFFFD');
}
