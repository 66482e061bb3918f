import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isPieceOf, manifestPath, piecePaths, renderTemplate, templateProblem } from './destination.ts';

describe('a template', () => {
  it.each([
    ['{year}/{month}/{day}/{entity}', '2026/11/21/user', '2026/11/21/manifest.json'],
    ['{entity}/{date}', 'user/2026-11-21', 'manifest-2026-11-21.json'],
    ['in/{year}/{entity}/{month}/{day}', 'in/2026/user/11/21', 'in/2026/manifest-2026-11-21.json'],
    ['out-box/{date}/all/{entity}.v1/x', 'out-box/2026-11-21/all/user.v1/x', 'out-box/2026-11-21/all/manifest.json'],
    ['{date}{date}{entity}', '2026-11-212026-11-21user', 'manifest-2026-11-21.json'],
  ])('%s makes %s', (template, directory, manifest) => {
    expect(templateProblem(template)).toBeUndefined();
    expect(renderTemplate(template, '2026-11-21', 'user')).toBe(directory);
    expect(manifestPath(template, '2026-11-21')).toBe(manifest);
  });

  it.each<readonly [template: string, problem: string]>([
    ['', 'Should contain {entity}.'],
    ['{date}', 'Should contain {entity}.'],
    ['{entity}', 'Should contain the date: {date}, or {year}, {month} and {day}.'],
    ['{year}/{month}/{entity}', 'Should contain the date: {date}, or {year}, {month} and {day}.'],
    ['{date}/{entity}/{hour}', '{hour} is not known; there are {date}, {year}, {month}, {day} and {entity}.'],
    ['{date}/{entity', '{entity is not known; there are {date}, {year}, {month}, {day} and {entity}.'],
    ['x'.repeat(201), 'Should have at most 200 characters.'],
    ...[
      '../{date}/{entity}',
      '{date}/../{entity}',
      '/{date}/{entity}',
      '{date}//{entity}',
      '{date}/{entity}/',
      './{date}{entity}',
    ].map(
      (template) => [template, 'Its parts between slashes should not be empty, and not begin with a dot.'] as const,
    ),
    ...['{date}/{entity} x', '{date}\\{entity}', '{date}/{entity}\n', '{date}/é{entity}', '{date}/{entity}}'].map(
      (template) => [template, 'May contain letters, digits, dots, hyphens, underscores and slashes.'] as const,
    ),
  ])('%j is refused', (template, problem) => {
    expect(templateProblem(template)).toBe(problem);
  });

  it('that is accepted gives every day and entity a path of its own, which stays inside', () => {
    const part = fc.constantFrom('{year}', '{month}', '{day}', '{date}', '{entity}', '/', '-', '.', '..', 'a', '_');
    const template = fc.array(part, { minLength: 2, maxLength: 8 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(template, (text) => {
        fc.pre(templateProblem(text) === undefined);
        const paths = ['2026-11-21', '2026-12-11', '2027-11-21', '2026-01-12'].flatMap((day) => [
          ...['user', 'logins', 'users'].map((entity) => `${renderTemplate(text, day, entity)}/${entity}.csv`),
          manifestPath(text, day),
        ]);
        expect(new Set(paths).size).toBe(paths.length);
        for (const path of paths) expect(path).toMatch(/^(?!.*(?:^|\/)\.)[A-Za-z0-9._/-]+$/);
      }),
      { numRuns: 500 },
    );
  });
});

describe('pieces of a file', () => {
  it.each([
    [0, null, ['d/user.csv']],
    [5, null, ['d/user.csv']],
    [0, 2, ['d/user.csv']],
    [2, 2, ['d/user.csv']],
    [3, 2, ['d/user_0001.csv', 'd/user_0002.csv']],
    [4, 2, ['d/user_0001.csv', 'd/user_0002.csv']],
  ])('of %i rows, at most %s a piece', (rows, rowsPerFile, paths) => {
    expect(piecePaths('d/user', '.csv', rows, rowsPerFile)).toEqual(paths);
  });

  it('are told from other files', () => {
    const others = [
      'd/users.csv',
      'd/user.deleted.csv',
      'd/user_login.csv',
      'd/user_001.csv',
      'd/user_0001.json',
      'x/user.csv',
    ];
    for (const path of others) expect(isPieceOf('d/user', '.csv', path), path).toBe(false);
    for (const path of ['d/user.csv', 'd/user_0001.csv', 'd/user_12345.csv']) {
      expect(isPieceOf('d/user', '.csv', path), path).toBe(true);
    }
  });
});
