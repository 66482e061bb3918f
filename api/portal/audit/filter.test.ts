import { expect, it } from 'vitest';
import { csvField } from './csv.ts';
import { auditFilter, auditQuery, dayBefore, readAuditForm } from './filter.ts';
import { GROUPS } from './words.ts';

const filterOf = (query: string) =>
  auditFilter(readAuditForm(new URLSearchParams(query)), 'Europe/Amsterdam', ['periodic']);

it.each([
  ['', {}],
  ['who=anna&what=nothing', { actor: 'anna' }],
  // Both days are included, and days of the zone: 23 and 25 hours long when the clock changes.
  ['from=2026-03-29&to=2026-03-29', { from: new Date('2026-03-28T23:00Z'), before: new Date('2026-03-29T22:00Z') }],
  ['to=2026-10-25', { before: new Date('2026-10-25T23:00Z') }],
])('%j', (query, filter) => {
  expect(filterOf(query)).toEqual({ filter, problems: [] });
});

it.each(['from=2026-02-30', 'from=x', 'from=2026-11-24T00:00', 'from=2026-11-25&to=2026-11-24'])(
  '%j is refused',
  (query) => {
    expect(filterOf(query).problems.map(({ id }) => id)).toEqual(['from']);
  },
);

it('keeps what is set in addresses, and finds actions for every group', () => {
  const form = readAuditForm(new URLSearchParams('who=a+b&what=downloads&from=2026-01-01&to=2026-01-01&x=y'));
  expect(auditQuery(form, { cursor: 'c' })).toBe('who=a+b&what=downloads&from=2026-01-01&to=2026-01-01&cursor=c');
  expect(dayBefore(form)).toBe('2025-12-31');
  expect(filterOf('what=downloads').filter.actions).toEqual([
    'export.downloaded',
    'periodic.acknowledged',
    'periodic.downloaded',
  ]);
  expect(GROUPS.filter(({ value }) => filterOf(`what=${value}`).filter.actions?.length === 0)).toEqual([]);
});

it.each([
  ['plain', 'plain'],
  ['=1+1', "'=1+1"],
  ['@x', "'@x"],
  ['a,b', '"a,b"'],
  ['-"\r\n', '"\'-""\r\n"'],
])('CSV of %j', (text, field) => {
  expect(csvField(text)).toBe(field);
});
