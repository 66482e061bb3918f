import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fileNames, type NameRules, renamings } from './names.ts';

const RULES = ['spss', 'stata'] as const;

/** Names as catalogs and warehouses have them, the awkward ones more often than not. */
const name = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 80 }),
  fc.string({ unit: fc.constantFrom('a', 'A', '_', '.', '1', ' ', 'é', 'e\u0301', 'ß', '√', '𝒜', '$'), maxLength: 8 }),
  fc.constantFrom('by', 'By', 'with', 'str7', 'strL', '_n', 'v', 'v_', '', '_', '.', '@', 'a'.repeat(70)),
);
const names = fc.array(name, { maxLength: 30 });

/** The published rules, in one expression each. */
function isValid(candidate: string, rules: NameRules): boolean {
  if (rules === 'stata') {
    return (
      /^[\p{L}_][\p{L}0-9_]*$/u.test(candidate) &&
      [...candidate].length <= 32 &&
      !/^(_all|_b|byte|_coef|_cons|double|float|if|in|int|long|_n|_N|_pi|_pred|_rc|_skip|using|with|strL|str[0-9]+)$/.test(
        candidate,
      )
    );
  }
  const words = 'ALL AND BY EQ GE GT LE LT NE NOT OR TO WITH'.split(' ');
  return (
    /^[\p{L}@][\p{L}\p{M}\p{Nd}._$#@]*$/u.test(candidate) &&
    !candidate.endsWith('.') &&
    new TextEncoder().encode(candidate).length <= 64 &&
    !words.includes(candidate.toUpperCase())
  );
}

const caseless = (text: string) => text.toUpperCase().toLowerCase();

describe.each(RULES)('names of variables in %s', (rules) => {
  it('are valid, and unique without regard to case', () => {
    fc.assert(
      fc.property(names, (columns) => {
        const found = fileNames(columns, rules);
        expect(found.filter((candidate) => !isValid(candidate, rules))).toEqual([]);
        expect(new Set(found.map(caseless)).size).toBe(columns.length);
      }),
      { numRuns: 500 },
    );
  });

  it('stay as they are if they are valid and the first of their spelling', () => {
    fc.assert(
      fc.property(names, (columns) => {
        const found = fileNames(columns, rules);
        expect(fileNames(found, rules)).toEqual(found);
        const first = columns.findIndex((column) => isValid(column, rules));
        if (first >= 0) expect(found[first]).toBe(columns[first]);
      }),
    );
  });

  it('of many columns that begin alike are made in little time', () => {
    const columns = Array.from({ length: 100_000 }, (_, at) => `${'question '.repeat(9)}${at}`);
    const begun = performance.now();
    expect(new Set(fileNames(columns, rules)).size).toBe(columns.length);
    expect(performance.now() - begun).toBeLessThan(10_000);
  });
});

it.each<[string, string, string]>([
  ['interview__id', 'interview__id', 'interview__id'],
  ['@home', '@home', 'v_home'],
  ['@ home', 'v_@_home', 'v__home'],
  ['$sum', 'v_$sum', 'v_sum'],
  ['#1', 'v_#1', 'v_1'],
  ['1st', 'v_1st', 'v_1st'],
  ['_id', 'v_id', '_id'],
  ['net.income', 'net.income', 'net_income'],
  ['total.', 'total', 'total'],
  ['a b-c', 'a_b_c', 'a_b_c'],
  ['Straße', 'Straße', 'Straße'],
  ['Größe (m²)', 'Größe__m', 'Größe__m'],
  ['年齢', '年齢', '年齢'],
  ['with', 'v_with', 'v_with'],
  ['WITH', 'v_WITH', 'WITH'],
  ['str20', 'str20', 'v_str20'],
  ['', 'v', 'v'],
  ['???', 'v', 'v'],
  ['x'.repeat(33), 'x'.repeat(33), 'x'.repeat(32)],
  ['é'.repeat(33), 'é'.repeat(32), 'é'.repeat(32)],
  ['a\ud800b', 'a_b', 'a_b'],
])('%s is %s in SPSS, %s in Stata', (column, spss, stata) => {
  expect([fileNames([column], 'spss'), fileNames([column], 'stata')]).toEqual([[spss], [stata]]);
});

it.each<[readonly string[], readonly string[]]>([
  [
    ['id', 'ID', 'Id'],
    ['id', 'ID_2', 'Id_3'],
  ],
  [
    ['a b', 'a_b', 'a-b'],
    ['a_b_2', 'a_b', 'a_b_3'],
  ],
  [
    ['a', 'A', 'a_2'],
    ['a', 'A_3', 'a_2'],
  ],
  [
    ['x'.repeat(64), 'x'.repeat(65)],
    ['x'.repeat(64), `${'x'.repeat(62)}_2`],
  ],
])('%j are %j', (columns, expected) => {
  expect(fileNames(columns, 'spss')).toEqual(expected);
});

it('columns that have another name are named with it', () => {
  expect(renamings(['a', 'by', 'if'], ['a', 'by', 'v_if'])).toEqual(['v_if is the column if.']);
});
