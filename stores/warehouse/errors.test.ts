import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { WaybillError } from '../../contracts/failures.ts';
import { isInvalidated, toFailure } from './errors.ts';
import { openSession } from './session.ts';
import { OPTIONS, scratchDirectory } from './warehouse-fixture.ts';

describe('toFailure', () => {
  it.each([
    ['IO Error: Could not set lock on file "/data/w.duckdb"', 'warehouse_unavailable'],
    ['IO Error: Unable to connect to Postgres at ""', 'warehouse_unavailable'],
    ['Invalid Error: Failed to prepare COPY: server closed the connection unexpectedly', 'warehouse_unavailable'],
    ['Invalid Error: ERROR: permission denied for table t', 'dataset_broken'],
    ['Binder Error: Referenced column "x" not found', 'dataset_broken'],
    ['Catalog Error: Table with name t does not exist!', 'dataset_broken'],
    ['Permission Error: Cannot access file "/etc/passwd"', 'dataset_broken'],
    ['Syntax Error: near x', 'dataset_broken'],
    ['Not implemented Error: no such thing', 'dataset_broken'],
    ['Out of Memory Error: could not allocate block', 'memory_exhausted'],
    [
      "Out of Memory Error: failed to offload data block of size 256.0 KiB.\nThis limit was set by the 'max_temp_directory_size' setting.",
      'disk_full',
    ],
    ['IO Error: Could not write file "/data/duckdb_temp_storage-0.tmp": No space left on device', 'disk_full'],
    ['Invalid Error: ERROR:  could not extend file "base/1": No space left on device', 'warehouse_unavailable'],
    ['Invalid Error: ERROR:  canceling statement due to conflict with recovery', 'warehouse_unavailable'],
    ['Invalid Error: FATAL:  sorry, too many clients already', 'warehouse_unavailable'],
    ['INTERRUPT Error: Interrupted!', 'warehouse_unavailable'],
    ['TransactionContext Error: the transaction was aborted', 'warehouse_unavailable'],
    ['Invalid Configuration Error: DuckDB currently has a read-only crypto module loaded', 'warehouse_misconfigured'],
    ['Missing Extension Error: install it', 'warehouse_misconfigured'],
    ['Extension Autoloading Error: no such extension', 'warehouse_misconfigured'],
    ['Settings Error: no such setting', 'warehouse_misconfigured'],
    ['INTERNAL Error: assertion', 'internal'],
    ['Serialization Error: x', 'internal'],
    ['Scheduler Error: x', 'internal'],
    ['Unheard Of Error: x', 'internal'],
    ['something else', 'internal'],
  ])('%s is %s, and the message keeps its secrets', (message, code) => {
    const failure = toFailure(new Error(message), 'Dataset USERS');
    expect(failure).toMatchObject({ name: 'WaybillError', code, cause: { message } });
    expect((failure as Error).message).not.toMatch(/data|Postgres|abc|passwd|table t/);
  });

  it.each([
    'IO Error: Unable to connect to Postgres at "host=h password=hunter22 dbname=d": refused',
    'IO Error: Unable to connect to Postgres at "host=h password=\'hunter22 x\' dbname=d": refused',
    'IO Error: Unable to connect to "postgres://user:hunter22@h/d": refused',
    "Parser Error: syntax error at or near PASSWORD 'hunter22'",
    "Parser Error: syntax error at or near SESSION_TOKEN 'hunter22'",
    'IO Error: Unable to connect with motherduck_token=hunter22',
    'IO Error: Unable to connect with AccountKey=hunter22;EndpointSuffix=x',
    'IO Error: Unable to connect to "postgres://user:p@hunter22@h/d": refused',
    "Binder Error: no such thing\n\nLINE 1: CREATE SECRET (PASSWORD 'hunter22')\n",
  ])('redacts the password of %j, also in the cause', (message) => {
    const failure = toFailure(new Error(message), 'Dataset USERS') as WaybillError;
    expect(`${failure.message} ${String((failure.cause as Error).stack)}`).not.toContain('hunter22');
  });

  it.each([
    [
      "Conversion Error: Could not convert string 'abc's' to INT32 when casting from source column x",
      'source column x',
    ],
    ['Conversion Error: Malformed JSON at byte 1 of input.  Input: "{abc"\n\nLINE 1: SELECT', 'Conversion Error'],
    ['Invalid Input Error: abc', 'Invalid Input Error'],
    ['Out of Range Error: Overflow in multiplication of INT64 (abc * 2)!', 'Out of Range Error'],
    [
      `Invalid Error: Failed to execute "COPY (SELECT name FROM t WHERE tenant = 'abc')": ERROR:  invalid input syntax for type integer: "abc"\nCONTEXT:  column v, line 1: "abc"`,
      'invalid input syntax for type integer',
    ],
    [
      `Invalid Error: Failed to prepare "SELECT 'abc'": ERROR:  relation "public.orders" does not exist\nLINE 1: 'abc'`,
      'relation "public.orders" does not exist',
    ],
    ['Invalid Error: ERROR:  column "total" does not exist', 'column "total" does not exist'],
    ['Invalid Error: ERROR:  value "abc" is out of range for type integer', 'ERROR:  value …'],
    ['Invalid Error: ERROR:  invalid input syntax for type integer: "x "abc" y"', 'for type integer: …'],
    ["Not implemented Error: Unknown TimeZone 'abc'!", 'Unknown TimeZone'],
    ["Conversion Error: Could not convert string 'ERROR: abc' to INT32", 'Conversion Error'],
  ])('%s is the catalog, and quotes no row, in the cause either', (message, kept) => {
    const failure = toFailure(new Error(message), 'Dataset USERS') as WaybillError;
    expect(failure.code).toBe('dataset_broken');
    expect(String(failure.cause)).toContain(kept);
    expect(`${failure.message} ${String((failure.cause as Error).stack)}`).not.toContain('abc');
  });

  it('returns bugs and failures that have a code unchanged', () => {
    for (const error of [new TypeError('x'), new WaybillError('cancelled')]) {
      expect(toFailure(error, 'Dataset USERS')).toBe(error);
    }
  });
});

describe('a database that DuckDB has invalidated', () => {
  it('is distinguished from one on which a query failed', async () => {
    const path = scratchDirectory();
    const session = await openSession({
      ...OPTIONS,
      startupSql: `ATTACH '${join(path, 'it.duckdb')}' AS it; CREATE SEQUENCE it.s; CREATE TABLE it.t AS SELECT 1 AS id;
        SET GLOBAL wal_autocheckpoint = '1B'; SET GLOBAL debug_checkpoint_abort = 'before_header'`,
      directories: [path],
      tempDirectory: path,
    });
    const connection = await session.connect();
    const errorOf = (sql: string) => connection.run(sql).then(String, (error: unknown) => error);
    expect(isInvalidated(await errorOf("SELECT error('x')"))).toBe(false);
    expect(isInvalidated(await errorOf("SELECT nextval('it.s')"))).toBe(true);
    expect(isInvalidated(await errorOf('FROM it.t'))).toBe(true);
    connection.disconnectSync();
    await session.close();
  });

  it.each([
    ['FATAL Error: Failed to create checkpoint', true],
    ['FATAL Error: Failed: database has been invalidated because of a previous fatal error.', true],
    ['INTERNAL Error: Attempted to access index 1 within vector of size 1', false],
    ['IO Error: No space left on device', false],
    ["Invalid Input Error: the row says 'database has been invalidated'", false],
  ])('is %s: %s', (message, expected) => {
    expect(isInvalidated(new Error(message))).toBe(expected);
  });
});
