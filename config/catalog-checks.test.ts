import { expect, test } from 'vitest';
import { scanSql } from './catalog-checks.ts';

test.each<readonly [sql: string, begins: string, parameters: readonly string[], semicolon: boolean]>([
  ['', '', [], false],
  ['  -- only a comment', '', [], false],
  ['select 1', 'SELECT', [], false],
  ['(SELECT 1)', '(', [], false],
  ['/* ; $x */ WITH t AS (SELECT $a) SELECT $b, $a', 'WITH', ['a', 'b'], false],
  ['SELECT 1;', 'SELECT', [], true],
  ["SELECT ';', '$x', 'it''s ;', $y", 'SELECT', ['y'], false],
  ['SELECT "a;$b""c$d" FROM t -- ; $z\nWHERE $q', 'SELECT', ['q'], false],
  [String.raw`SELECT E'it\'s ; $x', $y`, 'SELECT', ['y'], false],
  [String.raw`SELECT 'back\', $y`, 'SELECT', ['y'], false],
  ['SELECT $$ ; $x $$, $tag$ $$ ; $y $tag$, $z', 'SELECT', ['z'], false],
  ['SELECT a$b, $1', 'SELECT', ['1'], false],
  ["'text first'", "'TEXT FIRST'", [], false],
  ["SELECT 'never closed ; $x", 'SELECT', ['x'], true],
])('%s', (sql, begins, parameters, semicolon) => {
  expect(scanSql(sql)).toEqual({ begins, parameters, semicolon });
});
