import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { loadCatalog } from './catalog.ts';
import { CatalogError, type CatalogProblem } from './catalog-source.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'catalog-'));
});
afterEach(() => rm(directory, { recursive: true }));

const GOOD = `datasets:
  - name: ORDERS
    title: Orders
    doors: [on-demand]
    sql: SELECT * FROM warehouse.orders
    tenant_column: tenant
    columns:
      - id: integer
      - { name: placed, header: Placed at, type: timestamp, label: When }
`;

/** The valid catalog with one change. */
function changed(from: string, to: string): string {
  expect(GOOD).toContain(from);
  return GOOD.replace(from, to);
}

async function problemsOf(text: string): Promise<readonly CatalogProblem[]> {
  const file = join(directory, 'catalog.yaml');
  await writeFile(file, text);
  const error: unknown = await loadCatalog(file).then(
    () => expect.fail('The catalog was accepted.'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof CatalogError)) throw error;
  for (const problem of error.problems) {
    expect(problem.file).toBe(file);
    expect(error.message).toContain(`${file}:${problem.line}:${problem.column} ${problem.path}`);
  }
  return error.problems;
}

test('fills in what a catalog may leave out', async () => {
  await writeFile(join(directory, 'catalog.yaml'), GOOD);
  const catalog = await loadCatalog(directory);
  expect(catalog.find('orders')).toBe(catalog.datasets[0]);
  expect(catalog.find('order')).toBeUndefined();
  const plain = { label: null, valueLabels: null };
  expect(catalog.datasets).toEqual([
    {
      ...{
        name: 'ORDERS',
        offeredAs: 'ORDERS',
        title: 'Orders',
        doors: ['on-demand'],
        formats: ['csv', 'jsonl', 'xlsx', 'parquet', 'sav', 'zsav', 'dta'],
      },
      ...{ sql: 'SELECT * FROM warehouse.orders', tenantColumn: 'tenant', key: [], parameters: [] },
      ...{ createdColumn: null, modifiedColumn: null, deletedColumn: null, infersDeletes: false },
      columns: [
        { ...plain, name: 'id', header: 'id', type: 'integer' },
        { ...plain, name: 'placed', header: 'Placed at', type: 'timestamp', label: 'When' },
      ],
    },
  ]);
});

test('reads value labels by their value as text, and anchors', async () => {
  const text = changed(
    '- id: integer',
    '- { name: a, type: integer, value_labels: &v { -1: None, 2: Two }, missing: { -9: Asked } }',
  ).replace('label: When', 'value_labels: *v');
  await writeFile(join(directory, 'catalog.yaml'), text);
  const { datasets } = await loadCatalog(directory);
  const labels = { '-1': 'None', '2': 'Two' };
  expect(datasets[0]?.columns.map((column) => column.valueLabels)).toEqual([labels, labels]);
  expect(datasets[0]?.columns.map((column) => column.missing)).toEqual([{ '-9': 'Asked' }, undefined]);
});

test('takes a column called name in the short form', async () => {
  await writeFile(join(directory, 'catalog.yaml'), changed('- id: integer', '- name: text'));
  expect((await loadCatalog(directory)).datasets[0]?.columns[0]).toMatchObject({ name: 'name', type: 'text' });
});

type Expected = readonly [at: string, path: string, sentence: string];
const D = 'datasets[0]';

const WRONG: readonly (readonly [what: string, text: string, ...expected: Expected[]])[] = [
  ['nothing', '', ['1:1', 'datasets', 'should list at least one dataset']],
  ['a list at the top', '- a', ['1:1', 'datasets', 'should list at least one dataset']],
  ['no dataset', 'datasets: []', ['1:1', 'datasets', 'should list at least one dataset']],
  ['not YAML', 'datasets: [', ['1:12', '', 'is not valid YAML here']],
  ['a key twice', changed('title: Orders', 'name: X'), ['3:5', '', 'is not valid YAML here: Map keys must be unique']],
  ['an unknown tag', changed('title: Orders', 'title: !x Orders'), ['3:12', '', 'is not valid YAML here']],
  ['a dataset that is a text', `${GOOD}  - x`, ['10:5', 'datasets[1]', 'should be keys with values, not "x"']],
  [
    'an unknown key at the top',
    `dataset: 1\n${GOOD}`,
    ['1:1', 'dataset', 'is not a known key here; did you mean datasets?'],
  ],
  [
    'an unknown key',
    changed('tenant_column: tenant', 'tenant_column: tenant\n    tittle: x'),
    ['7:5', `${D}.tittle`, 'is not a known key here; did you mean title?'],
  ],
  [
    'an unknown key without a similar one',
    changed('label: When', 'zzzzzz: x'),
    ['9:61', `${D}.columns[1].zzzzzz`, 'known keys are name, header, type, label, value_labels, missing'],
  ],
  [
    'no tenant column',
    changed('    tenant_column: tenant\n', ''),
    ['2:5', `${D}.tenant_column`, 'is missing; without it one tenant could read the rows of another'],
  ],
  [
    'an empty tenant column',
    changed('tenant_column: tenant', 'tenant_column:'),
    ['6:5', `${D}.tenant_column`, 'should be a text, not empty'],
  ],
  ['no title', changed('    title: Orders\n', ''), ['2:5', `${D}.title`, 'is missing; it should be a text']],
  ['a title that is a number', changed('title: Orders', 'title: 7'), ['3:5', `${D}.title`, 'put it in quotes']],
  ['a blank title', changed('title: Orders', 'title: " "'), ['3:5', `${D}.title`, 'should not be empty']],
  ['a name with a space', changed('ORDERS', 'MY ORDERS'), ['2:5', `${D}.name`, 'should be a letter, followed by']],
  [
    'a near miss of a kind of export',
    changed('on-demand', 'on-demnad'),
    ['4:13', `${D}.doors[0]`, 'not "on-demnad"; did you mean on-demand?'],
  ],
  ['no kind of export', changed('[on-demand]', '[]'), ['4:5', `${D}.doors`, 'should list at least one']],
  [
    'a kind of export twice',
    changed('[on-demand]', '[on-demand, on-demand]'),
    ['4:24', `${D}.doors[1]`, 'is listed twice'],
  ],
  [
    'a near miss of a type, short',
    changed('id: integer', 'id: integr'),
    ['8:9', `${D}.columns[0].id`, 'not "integr"; did you mean integer?'],
  ],
  [
    'a near miss of a type, long',
    changed('type: timestamp', 'type: timestmap'),
    ['9:44', `${D}.columns[1].type`, 'not "timestmap"; did you mean timestamp?'],
  ],
  [
    'a type without a similar one',
    changed('id: integer', 'id: x'),
    ['8:9', `${D}.columns[0].id`, 'should be one of boolean, integer, decimal, double, text,'],
  ],
  [
    'no type',
    changed('type: timestamp, ', ''),
    ['9:9', `${D}.columns[1].type`, 'is missing; it should be one of boolean,'],
  ],
  ['a bad column name', changed('id: integer', 'a-b: integer'), ['8:9', `${D}.columns[0].a-b`, 'should be a letter']],
  ['a column twice', changed('id: integer', 'PLACED: text'), ['9:9', `${D}.columns[1]`, 'repeats the column placed']],
  ['a header twice', changed('Placed at', 'id'), ['9:9', `${D}.columns[1]`, 'repeats the header "id"']],
  [
    'a value label that is not text',
    changed('label: When', 'value_labels: { 1: 2 }'),
    ['9:77', `${D}.columns[1].value_labels.1`, 'should be a text, not the number 2; put it in quotes'],
  ],
  [
    'a key that is not a column',
    changed('    columns:', '    key: [idd]\n    columns:'),
    ['7:11', `${D}.key[0]`, 'should name one of the columns; did you mean id?'],
  ],
  [
    'a time column of another type',
    changed('    columns:', '    created_column: id\n    columns:'),
    ['7:5', `${D}.created_column`, 'should name a column of type timestamp or date; id is integer'],
  ],
  [
    'a deletion marker of another type',
    changed('    columns:', '    deleted_column: id\n    columns:'),
    ['7:5', `${D}.deleted_column`, 'should name a column of type boolean; id is integer'],
  ],
  [
    'no formats',
    changed('    columns:', '    formats: []\n    columns:'),
    ['7:5', `${D}.formats`, 'should list at least'],
  ],
  [
    'an unknown format',
    changed('    columns:', '    formats: [csvv]\n    columns:'),
    [
      '7:15',
      `${D}.formats[0]`,
      'should be one of csv, jsonl, xlsx, parquet, sav, zsav, dta, not "csvv"; did you mean csv?',
    ],
  ],
  [
    'a recurring dataset without key and times',
    changed('on-demand', 'recurring'),
    ['2:5', `${D}.key`, 'is missing; recurring exports need it'],
    ['2:5', `${D}.modified_column`, 'is missing; recurring exports need created_column'],
  ],
  ['two statements', changed('orders', 'orders; SELECT 1'), ['5:5', `${D}.sql`, 'should be one statement']],
  [
    'no SELECT',
    changed('SELECT * FROM', 'DELETE FROM'),
    ['5:5', `${D}.sql`, 'should be a SELECT, not begin with DELETE'],
  ],
  [
    'a parameter that is not declared',
    changed('orders', 'orders WHERE id = $orderid').replace(
      '    columns:',
      '    parameters: [{ name: orderId, type: integer }]\n    columns:',
    ),
    ['5:5', `${D}.sql`, 'uses $orderid, which is not declared; did you mean orderId?'],
    ['7:20', `${D}.parameters[0].name`, 'is declared, but the sql never uses $orderId'],
  ],
  [
    'a parameter with the name of a field',
    changed('orders', 'orders WHERE id = $Format').replace(
      '    columns:',
      '    parameters: [{ name: Format, type: text }]\n    columns:',
    ),
    ['7:20', `${D}.parameters[0].name`, 'should be another name; Format is reserved'],
  ],
  [
    'a required parameter of a periodic file',
    changed('orders', 'orders WHERE id = $orderId')
      .replace('[on-demand]', '[periodic]')
      .replace('    columns:', '    parameters: [{ name: orderId, type: integer }]\n    columns:'),
    ['7:18', `${D}.parameters[0]`, 'should not be required; periodic exports have no parameters'],
  ],
  [
    'a name that is not a file name',
    changed('ORDERS', 'ORDERS\n    offered_as: all/orders').replace('[on-demand]', '[periodic]'),
    ['3:5', `${D}.offered_as`, 'should be a letter, followed by letters, digits and underscores'],
  ],
  [
    'a parameter with the reserved prefix',
    changed('orders', 'orders WHERE id = $waybill_1').replace(
      '    columns:',
      '    parameters: [{ name: waybill_1, type: text }]\n    columns:',
    ),
    ['7:20', `${D}.parameters[0].name`, 'should be another name; waybill_1 is reserved'],
  ],
  [
    'a name twice',
    `${GOOD}${GOOD.replace('datasets:\n', '').replace('ORDERS', 'Orders')}`,
    ['10:5', 'datasets[1].name', 'repeats Orders, which'],
  ],
  [
    'an offer twice',
    `${GOOD}${GOOD.replace('datasets:\n', '').replace('ORDERS', 'others\n    offered_as: orders')}`,
    ['11:5', 'datasets[1].offered_as', 'is taken: on-demand exports offer another dataset as orders'],
  ],
];

const BUNDLES = `bundles:
  - name: surveys
    kind: questionnaire
    title: Surveys
    tenant_column: tenant
    members:
      sql: SELECT * FROM survey.questionnaires
    tables:
      sql: SELECT * FROM survey.tables WHERE id = $questionnaire_id AND v = $version
    attachments:
      sql: SELECT * FROM survey.attachments WHERE id = $questionnaire_id AND v = $version
    filters: { status: interview__status, time: changed_at }
`;

/** The valid bundle with one change. */
function changedBundle(from: string, to: string): string {
  expect(BUNDLES).toContain(from);
  return BUNDLES.replace(from, to);
}

test('reads a bundle, which may be all that a catalog has; attachments and filters may be left out', async () => {
  const file = join(directory, 'catalog.yaml');
  await writeFile(file, BUNDLES);
  const version = 'WHERE id = $questionnaire_id AND v = $version';
  const bundle = {
    ...{ name: 'surveys', kind: 'questionnaire', title: 'Surveys', tenantColumn: 'tenant' },
    members: { sql: 'SELECT * FROM survey.questionnaires' },
    tables: { sql: `SELECT * FROM survey.tables ${version}` },
  };
  const attachments = { sql: `SELECT * FROM survey.attachments ${version}` };
  const filters = { status: 'interview__status', time: 'changed_at' };
  expect(await loadCatalog(file)).toMatchObject({ datasets: [], bundles: [{ ...bundle, attachments, filters }] });
  await writeFile(file, BUNDLES.replace(/ {4}attachments:[\s\S]*/, ''));
  expect((await loadCatalog(file)).bundles).toEqual([
    { ...bundle, attachments: null, filters: { status: null, time: null } },
  ]);
});

const B = 'bundles[0]';
const WRONG_BUNDLES: typeof WRONG = [
  ['no bundle', 'bundles: []', ['1:1', 'bundles', 'should list at least one bundle']],
  [
    'an unknown key',
    changedBundle('title:', 'tittle:'),
    ['2:5', `${B}.title`, 'is missing; it should be a text'],
    ['4:5', `${B}.tittle`, 'is not a known key here; did you mean title?'],
  ],
  [
    'an unknown kind',
    changedBundle('kind: questionnaire', 'kind: questionaire'),
    ['3:5', `${B}.kind`, 'did you mean questionnaire?'],
  ],
  [
    'no tenant column',
    changedBundle('    tenant_column: tenant\n', ''),
    ['2:5', `${B}.tenant_column`, 'is missing; without it one tenant could read the rows of another'],
  ],
  [
    'no members',
    changedBundle('    members:\n      sql: SELECT * FROM survey.questionnaires\n', ''),
    ['2:5', `${B}.members`, 'is missing'],
  ],
  [
    'a filter that is not a column',
    changedBundle('changed_at', 'changed at'),
    ['12:43', `${B}.filters.time`, 'should be a letter or underscore'],
  ],
  ['an unknown filter', changedBundle('time:', 'tme:'), ['12:43', `${B}.filters.tme`, 'did you mean time?']],
  [
    'a name with a space',
    changedBundle('name: surveys', 'name: my surveys'),
    ['2:5', `${B}.name`, 'should be a letter'],
  ],
  [
    'a semicolon',
    changedBundle('survey.questionnaires', 'survey.questionnaires; SELECT 1'),
    ['7:7', `${B}.members.sql`, 'should be one statement'],
  ],
  [
    'no SELECT',
    changedBundle('SELECT * FROM survey.questionnaires', 'DROP TABLE x'),
    ['7:7', `${B}.members.sql`, 'should be a SELECT, not begin with DROP'],
  ],
  [
    'members of one version',
    changedBundle('survey.questionnaires', 'survey.questionnaires WHERE v = $version'),
    ['7:7', `${B}.members.sql`, 'uses $version, which is not declared'],
  ],
  [
    'tables of every version',
    changedBundle('survey.tables WHERE id = $questionnaire_id AND v = $version', 'survey.tables'),
    [
      '9:7',
      `${B}.tables.sql`,
      'should use $questionnaire_id and $version: otherwise it selects the rows of every version',
    ],
  ],
  [
    'attachments by a near miss of the version',
    changedBundle(
      'attachments WHERE id = $questionnaire_id AND v = $version',
      'attachments WHERE id = $questionnaire_id AND v = $versoin',
    ),
    ['11:7', `${B}.attachments.sql`, 'uses $versoin, which is not declared; did you mean version?'],
    ['11:7', `${B}.attachments.sql`, 'should use $questionnaire_id and $version'],
  ],
  [
    'a name that a dataset has',
    `${GOOD}${BUNDLES.replace('surveys', 'orders')}`,
    ['11:5', `${B}.name`, 'repeats orders, which a dataset has'],
  ],
  [
    'two bundles',
    `${BUNDLES}${BUNDLES.replace('bundles:\n', '').replace('name: surveys', 'name: others')}`,
    ['14:5', 'bundles[1].kind', 'should be the only bundle of kind questionnaire'],
  ],
];

describe('says what is wrong and where', () => {
  test.each([...WRONG, ...WRONG_BUNDLES].map(([what, text, ...expected]) => ({ what, text, expected })))(
    '$what',
    async ({ text, expected }) => {
      const problems = await problemsOf(text);
      expect(problems.map(({ line, column, path }) => [`${line}:${column}`, path])).toEqual(
        expected.map(([at, path]) => [at, path]),
      );
      expected.forEach(([, , sentence], i) => {
        expect(problems[i]?.sentence).toContain(sentence);
      });
    },
  );
});

test('reports everything at once, by file and line', async () => {
  await writeFile(join(directory, 'b.yaml'), changed('title: Orders', 'title: 1').replace('doors', 'door'));
  await writeFile(join(directory, 'a.yml'), changed('ORDERS', 'A B'));
  await writeFile(join(directory, 'c.yaml'), GOOD);
  await writeFile(join(directory, 'd.yaml'), GOOD);
  await writeFile(join(directory, 'ignored.txt'), 'x');
  await mkdir(join(directory, 'deeper'));
  const error = (await loadCatalog(directory).catch((reason: unknown) => reason)) as CatalogError;
  expect(error.problems.map(({ file, path }) => `${file.slice(directory.length + 1)} ${path}`)).toEqual([
    'a.yml datasets[0].name',
    'b.yaml datasets[0].doors',
    'b.yaml datasets[0].title',
    'b.yaml datasets[0].door',
    'd.yaml datasets[0].name',
  ]);
});

test.each(['', 'nothing-here'])(
  'a directory without catalogs, and no directory at all, are refused: "%s"',
  async (name) => {
    const error: unknown = await loadCatalog(join(directory, name)).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CatalogError);
  },
);
