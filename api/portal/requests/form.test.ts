import { expect, it } from 'vitest';
import { readRequestFields, requestBody, requestProblems } from './form.ts';

const JOBS = { id: 'Jobs', title: 'Jobs', formats: ['CSV', 'JSON', 'PARQUET'], fields: [] } as const;
const CLOUD = { ...JOBS, id: 'Cloud' };
const read = (query: string, now = '2026-11-29T12:00:00Z') =>
  readRequestFields([JOBS, CLOUD], new URLSearchParams(query), new Date(now));

it.each([
  ['2026-11-29T12:00:00Z', '2025-11-01', '2026-10-31'],
  ['2026-01-01T00:00:00Z', '2025-01-01', '2025-12-31'],
  ['2024-03-31T23:59:59Z', '2023-03-01', '2024-02-29'],
])('at %s, a new form asks for %s to %s', (now, start, end) => {
  expect(read('', now)).toMatchObject({ realm: JOBS, start, end, format: 'CSV', timeZone: 'UTC', isForExcel: false });
});

it('keeps what was sent', () => {
  expect(read('realm=Cloud&start_date=x&end_date=&format=PARQUET&csv_preset=excel&time_zone=Asia/Tokyo')).toMatchObject(
    {
      ...{ realm: CLOUD, start: 'x', end: '', format: 'PARQUET', isForExcel: true, timeZone: 'Asia/Tokyo' },
    },
  );
  expect(read('realm=Beds&format=XLSX')).toMatchObject({ realm: JOBS, format: 'CSV' });
  expect(readRequestFields([], new URLSearchParams(), new Date())).toBeUndefined();
});

it('sends options only with formats that have them', () => {
  const body = (query: string) => requestBody(read(query) ?? expect.fail()).body;
  const both = 'csv_preset=excel&time_zone=Asia/Tokyo';
  expect(body(both)).toMatchObject({ csv_preset: 'excel', time_zone: 'Asia/Tokyo' });
  expect(body(`${both}&format=JSON`)).toMatchObject({ time_zone: 'Asia/Tokyo' });
  expect(body(`${both}&format=JSON`)).not.toHaveProperty('csv_preset');
  expect(body(`${both}&format=PARQUET`)).toMatchObject({ time_zone: 'UTC' });
});

it('asks for dates that are missing', () => {
  expect(requestBody(read('start_date=&end_date=') ?? expect.fail()).problems).toEqual([
    { id: 'start_date', message: 'Choose a start date' },
    { id: 'end_date', message: 'Choose an end date' },
  ]);
});

it('says what is wrong in the words of pages', () => {
  const message = 'Choose an end date of 2026-01-31 or earlier: one year is the most.';
  expect(requestProblems([{ field: 'end_date', code: 'invalid_field', message }])).toEqual([
    { id: 'end_date', message: 'Choose an end date of 31 January 2026 or earlier: one year is the most' },
  ]);
});
