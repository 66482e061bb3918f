import { expect, it } from 'vitest';
import { explainFailure, isAvoidable } from './request-failures.ts';

it.each([
  [
    'JOBS has 4,210,559 rows, and a sheet of Excel holds 1,048,575. Order PARQUET or CSV, several files, or choose a shorter window or a filter.',
    '4,210,559 rows do not fit in Excel, which takes 1,048,575.',
  ],
  [
    'JOBS: a value of job_name has more than 32,767 characters, which no cell of Excel holds. Leave the column out, or order PARQUET or CSV.',
    'A value of job_name has more than 32,767 characters, which no cell of Excel holds.',
  ],
  ['', 'The rows do not fit in Excel.'],
])('a workbook that is too large says why: %s', (message, reason) => {
  const failure = { code: 'xlsx_too_large', message } as const;
  expect(explainFailure(failure).reason).toBe(reason);
  expect(explainFailure(failure).advice).toContain('as CSV or Parquet');
});

it('tells what users can avoid from what operators mend', () => {
  expect([isAvoidable('xlsx_too_large'), isAvoidable('internal')]).toEqual([true, false]);
  expect(explainFailure(null).advice).toContain('The operator has been told.');
});
