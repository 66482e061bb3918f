import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sampleAttachments } from './attachments.ts';
import { buildSampleWarehouse } from './build.ts';
import { WAREHOUSE_TYPES } from './warehouse-types.ts';

const SCALE = 0.02;
const INTERVIEWS = 200;
const QUESTIONNAIRE = '74e2d308-5491-4e24-af6b-eae9be64130c';
/** Columns that every source has for the tenant and the filters, whether or not they are in the file. */
const SERVICE = ['tenant', 'changed_at', 'interview__status'];

interface Column {
  readonly name: string;
  readonly type: keyof typeof WAREHOUSE_TYPES;
  readonly label: string;
  readonly valueLabels: Readonly<Record<string, string>>;
  readonly missing: Readonly<Record<string, string>>;
}

interface Table {
  readonly version: number;
  readonly name: string;
  readonly part: string;
  readonly source: string;
  readonly parentKeys: readonly string[];
  readonly columns: readonly Column[];
}

let directory: string;
let instance: DuckDBInstance;
let connection: DuckDBConnection;
let tables: readonly Table[];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'farm-survey-'));
  const { startupSql } = await buildSampleWarehouse({
    ...{ directory, scale: SCALE, domains: ['survey'] },
    report: () => undefined,
  });
  instance = await DuckDBInstance.create(':memory:');
  connection = await instance.connect();
  await connection.run(startupSql);
  await connection.run("SET TimeZone = 'UTC'");
  tables = await describedTables();
}, 60_000);
afterAll(async () => {
  connection.closeSync();
  instance.closeSync();
  await rm(directory, { recursive: true });
});

async function query(sql: string): Promise<readonly (readonly unknown[])[]> {
  return (await connection.runAndReadAll(sql)).getRowsJson();
}

async function describedTables(): Promise<readonly Table[]> {
  const rows =
    await query(`SELECT version, table_name, part, source_sql, parent_keys, column_name, type, label, value_labels, missing
    FROM warehouse.survey.tables WHERE questionnaire_id = '${QUESTIONNAIRE}' ORDER BY version, position`);
  const found = new Map<string, Table & { columns: Column[] }>();
  for (const [version, name, part, source, parentKeys, column, type, label, valueLabels, missing] of rows) {
    const id = `${version} ${name}`;
    const columns = found.get(id)?.columns ?? [];
    columns.push({
      name: String(column),
      type: type as Column['type'],
      label: String(label),
      valueLabels: JSON.parse(String(valueLabels ?? '{}')),
      missing: JSON.parse(String(missing ?? '{}')),
    });
    found.set(id, {
      version: Number(version),
      name: String(name),
      part: String(part),
      source: `(${source})`,
      parentKeys: parentKeys as readonly string[],
      columns,
    });
  }
  return [...found.values()];
}

function tablesOf(version: number): readonly Table[] {
  return tables.filter((table) => table.version === version);
}

function tableOf(version: number, name: string): Table {
  const table = tablesOf(version).find((each) => each.name === name);
  if (!table) throw new Error(`Version ${version} has no table ${name}.`);
  return table;
}

const namesOf = (table: Table) => table.columns.map(({ name }) => name);
const list = (names: readonly string[]) => names.map((name) => `"${name}"`).join(', ');

describe('the description', () => {
  test('both versions, in the order of an archive', () => {
    const system = ['actions', 'comments', 'diagnostics', 'errors'].map((name) => `interview__${name}`);
    const after = ['assignment__actions', ...system, 'paradata'];
    expect(tablesOf(1).map(({ name }) => name)).toEqual([
      'farm_survey',
      'members',
      'jobs',
      'plots',
      'assets',
      ...after,
    ]);
    expect(tablesOf(2).map(({ name }) => name)).toEqual([
      ...['farm_survey', 'members', 'jobs', 'plots', 'crops', 'assets'],
      ...after,
    ]);
    for (const version of [1, 2]) expect(tableOf(version, 'farm_survey').columns.length).toBeGreaterThanOrEqual(60 + 6);
  });

  test('describes exactly the columns of each source, with their types', async () => {
    for (const table of tables) {
      const rows = await query(`SELECT column_name, column_type FROM (DESCRIBE ${table.source})`);
      const types = new Map(rows.map(([name, type]) => [String(name), String(type)]));
      expect(types.get('tenant')).toBe('VARCHAR');
      expect(types.get('changed_at')).toBe('TIMESTAMP');
      expect(types.get('interview__status')).toBe('INTEGER');
      const expected = new Set([...namesOf(table), ...SERVICE]);
      expect([...types.keys()].toSorted(), table.name).toEqual([...expected].toSorted());
      expect(namesOf(table).length, table.name).toBe(new Set(namesOf(table)).size);
      for (const { name, type } of table.columns) expect(types.get(name), name).toMatch(WAREHOUSE_TYPES[type]);
    }
  });

  test.each([1, 2])('version %d has the columns of the contract in order', (version) => {
    const main = namesOf(tableOf(version, 'farm_survey'));
    expect(main.slice(0, 2)).toEqual(['interview__key', 'interview__id']);
    expect(main.slice(-4)).toEqual(['sssys_irnd', 'has__errors', 'interview__status', 'assignment__id']);
    for (const table of tablesOf(version).filter(({ part }) => part === 'roster')) {
      const ids = ['interview__key', ...table.parentKeys, `${table.name}__id`];
      expect(namesOf(table).slice(0, ids.length), table.name).toEqual(ids);
    }
    expect(tableOf(version, 'jobs').parentKeys).toEqual(['interview__id', 'members__id']);
  });

  test('version 2 adds, drops and relabels', () => {
    const [first, second] = [tableOf(1, 'farm_survey'), tableOf(2, 'farm_survey')];
    const added = namesOf(second).filter((name) => !namesOf(first).includes(name));
    const dropped = namesOf(first).filter((name) => !namesOf(second).includes(name));
    expect(added).toEqual(['internet', 'food_groups__13', 'climate_worry']);
    expect(dropped).toEqual(['lighting__4', 'meals', 'signature']);
    const [region, tenure] = ['region', 'tenure'].map((name) =>
      [first, second].map(({ columns }) => columns.find((column) => column.name === name)),
    );
    expect(region?.[0]?.valueLabels['1']).toBe('Nord');
    expect(region?.[1]?.valueLabels['1']).toBe('Nord-Est');
    expect(region?.[0]?.label).not.toBe(region?.[1]?.label);
    expect(Object.keys(tenure?.[1]?.valueLabels ?? {}).length).toBe(
      Object.keys(tenure?.[0]?.valueLabels ?? {}).length + 1,
    );
  });

  test('every type of a question is in it, several scripts, and labels that are hard to quote or long', () => {
    const types = new Set(tables.flatMap(({ columns }) => columns.map(({ type }) => type)));
    for (const type of ['integer', 'decimal', 'double', 'text', 'date', 'time', 'timestamp', 'boolean'] as const)
      expect(types).toContain(type);
    const labels = tables.flatMap(({ columns }) => columns.map(({ label }) => label));
    const answers = tables.flatMap(({ columns }) => columns.flatMap(({ valueLabels }) => Object.values(valueLabels)));
    for (const hard of [/\$/, /"/, /&/, /^.{256,}$/]) expect(labels.some((label) => hard.test(label))).toBe(true);
    for (const script of [
      /\p{Script=Arabic}/u,
      /\p{Script=Han}/u,
      /\p{Script=Devanagari}/u,
      /\p{Script=Ethiopic}/u,
      /'/,
      /^.{121,}$/,
    ]) {
      expect(answers.some((label) => script.test(label))).toBe(true);
    }
  });

  test('each code that occurs has a label', async () => {
    for (const table of tables) {
      for (const { name, type, valueLabels, missing } of table.columns.filter(
        (column) => Object.keys(column.valueLabels).length > 0,
      )) {
        const value = type === 'boolean' ? `"${name}"::INTEGER` : `"${name}"`;
        const rows = await query(
          `SELECT DISTINCT (${value})::VARCHAR FROM ${table.source} WHERE "${name}" IS NOT NULL`,
        );
        const known = [...Object.keys(valueLabels), ...Object.keys(missing)];
        expect(
          rows.map(([code]) => String(code)).filter((code) => !known.includes(code)),
          `${table.name}.${name}`,
        ).toEqual([]);
      }
    }
  });
});

describe('the rows', () => {
  test('as many interviews as the scale says, most in version 1, and none of the tenant that has no rows', async () => {
    const rows = await query(
      `SELECT tenant, version, count(*)::INTEGER FROM warehouse.survey.farm_interviews GROUP BY ALL ORDER BY ALL`,
    );
    expect(rows.reduce((sum, [, , count]) => sum + Number(count), 0)).toBe(INTERVIEWS);
    for (const tenant of ['dreambuilder', 'acme']) {
      const [first, second] = rows.filter(([each]) => each === tenant).map(([, , count]) => Number(count));
      expect(first).toBeGreaterThan(second ?? 0);
      expect(second).toBeGreaterThan(0);
    }
    expect(await query(`SELECT DISTINCT tenant FROM warehouse.survey.farm_interviews WHERE tenant = 'vacant'`)).toEqual(
      [],
    );
    const imported = await query(
      `SELECT version, variable FROM warehouse.survey.questionnaires WHERE tenant = 'vacant' AND questionnaire_id = '${QUESTIONNAIRE}' ORDER BY 1`,
    );
    expect(imported).toEqual([
      [1, 'farm_survey'],
      [2, 'farm_survey'],
    ]);
  });

  test('keys are unique, and well formed', async () => {
    const sql = `SELECT count(DISTINCT interview__key)::INTEGER, count(DISTINCT interview__id)::INTEGER, count(DISTINCT assignment__id)::INTEGER,
      bool_and(regexp_full_match(interview__key, '\\d\\d-\\d\\d-\\d\\d-\\d\\d')), bool_and(regexp_full_match(interview__id, '[0-9a-f]{32}')) FROM warehouse.survey.farm_interviews`;
    expect(await query(sql)).toEqual([[INTERVIEWS, INTERVIEWS, INTERVIEWS, true, true]]);
    for (const table of tables.filter(({ part }) => part === 'roster')) {
      const key = list([...table.parentKeys, `${table.name}__id`]);
      expect(await query(`SELECT ${key} FROM ${table.source} GROUP BY ALL HAVING count(*) > 1`), table.name).toEqual(
        [],
      );
    }
  });

  test('every row has its parent, of the same tenant, version, status and time', async () => {
    for (const table of tables.filter(({ part }) => part !== 'main')) {
      const keys = table.parentKeys;
      const parent = [...tablesOf(table.version)]
        .filter(({ name, part }) => name !== table.name && (part === 'main' || part === 'roster'))
        .findLast(
          (each) => keys.every((key) => namesOf(each).includes(key)) && (each.part === 'main') === (keys.length === 1),
        );
      if (!parent) throw new Error(`${table.name} has no parent.`);
      const on = list([...keys, ...SERVICE]);
      expect(
        await query(`SELECT * FROM ${table.source} ANTI JOIN ${parent.source} p USING (${on})`),
        table.name,
      ).toEqual([]);
      expect(Number((await query(`SELECT count(*) FROM ${table.source}`))[0]?.[0]), table.name).toBeGreaterThan(0);
    }
  });

  test('an unanswered question has its code, and one that was not asked has none', async () => {
    for (const version of [1, 2]) {
      const table = tableOf(version, 'farm_survey');
      for (const { name, missing } of table.columns.filter((column) => Object.keys(column.missing).length > 0)) {
        const [code] = Object.keys(missing);
        const sql = `SELECT count(*) FILTER ("${name}" = '${code}')::INTEGER, count("${name}")::INTEGER FROM ${table.source}`;
        const [[open, asked] = []] = await query(sql);
        if (Number(asked) > 60) expect(Number(open), name).toBeGreaterThan(0);
      }
      const sql = `SELECT count(*) FILTER (rooms IS NULL AND consent = 2)::INTEGER, count(*) FILTER (rooms IS NOT NULL AND consent <> 1)::INTEGER,
        count(*) FILTER (rent IS NOT NULL AND tenure IS DISTINCT FROM 2)::INTEGER FROM ${table.source}`;
      const [[refused, asked, rented] = []] = await query(sql);
      expect(Number(refused)).toBeGreaterThan(0);
      expect([asked, rented]).toEqual([0, 0]);
    }
  });

  test('missing values have the kind of their column', () => {
    const codes = {
      integer: '-999999999',
      decimal: '-999999999',
      double: '-999999999',
      text: '##N/A##',
      date: '9999-12-31',
      timestamp: '9999-12-31',
    };
    for (const { columns } of tables) {
      for (const { type, missing } of columns) {
        for (const code of Object.keys(missing)) expect(code).toBe(codes[type as keyof typeof codes]);
      }
    }
  });

  test('what is counted agrees with what is there', async () => {
    const errors = `SELECT interview__id FROM warehouse.survey.farm_interviews LEFT JOIN (SELECT interview__id, count(*) AS n FROM warehouse.survey.farm_interview_errors GROUP BY 1)
      USING (interview__id) WHERE has__errors <> coalesce(n, 0)`;
    expect(await query(errors)).toEqual([]);
    const members = `SELECT interview__id FROM warehouse.survey.farm_interviews LEFT JOIN (SELECT interview__id, count(*) AS n FROM warehouse.survey.farm_members GROUP BY 1)
      USING (interview__id) WHERE coalesce(household_size, 0) <> coalesce(n, 0)`;
    expect(await query(members)).toEqual([]);
    const events = `SELECT interview__id FROM warehouse.survey.farm_paradata GROUP BY 1 HAVING min("order") <> 1 OR max("order") <> count(*) OR count(DISTINCT "order") <> count(*)`;
    expect(await query(events)).toEqual([]);
    const backwards = `SELECT * FROM (SELECT timestamp_utc < lag(timestamp_utc) OVER (PARTITION BY interview__id ORDER BY "order") AS late FROM warehouse.survey.farm_paradata) WHERE late`;
    expect(await query(backwards)).toEqual([]);
  });

  test('a number is beyond what a double holds, and a text has line breaks and tabs', async () => {
    const sql = `SELECT min(registry_number) > 9007199254740992, bool_or(contains(remarks, chr(10))), bool_or(contains(remarks, chr(9))) FROM warehouse.survey.farm_interviews`;
    expect(await query(sql)).toEqual([[true, true, true]]);
  });
});

describe('attachments', () => {
  test('each belongs to an interview, has a name of its own there and an object', async () => {
    const sql = `SELECT count(*)::INTEGER FROM warehouse.survey.attachments ANTI JOIN warehouse.survey.farm_interviews p USING (tenant, version, interview__key, interview__status, changed_at)`;
    expect(await query(sql)).toEqual([[0]]);
    expect(
      await query(
        `SELECT interview__key FROM warehouse.survey.attachments GROUP BY interview__key, file_name HAVING count(*) > 1`,
      ),
    ).toEqual([]);
    const keys = (await query(`SELECT DISTINCT object_key FROM warehouse.survey.attachments`)).map(([key]) =>
      String(key),
    );
    const made = sampleAttachments().map(({ key }) => key);
    expect(keys.filter((key) => !made.includes(key))).toEqual([]);
    const kinds = await query(
      `SELECT DISTINCT kind, regexp_extract(file_name, '[a-z0-9]+$') FROM warehouse.survey.attachments ORDER BY ALL`,
    );
    expect(kinds).toEqual([
      ['audio', 'wav'],
      ['audio-audit', 'm4a'],
      ['picture', 'png'],
    ]);
  });

  test('every picture and recording that an answer names is there', async () => {
    const answers = ['dwelling_photo', 'signature', 'greeting'].map(
      (name) =>
        `SELECT interview__key, ${name} AS file_name FROM warehouse.survey.farm_interviews WHERE ${name} <> '##N/A##'`,
    );
    expect(
      await query(
        `SELECT * FROM (${answers.join(' UNION ALL ')}) ANTI JOIN warehouse.survey.attachments a USING (interview__key, file_name)`,
      ),
    ).toEqual([]);
  });
});
