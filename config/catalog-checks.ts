import { bundleQueries } from './bundle.ts';
import type { Path } from './catalog-source.ts';
import { BOUND_BEGINNING, type Bundle, type ColumnType, type Dataset } from './dataset.ts';
import { suggestion } from './issue-sentence.ts';

/** A problem at a path inside one dataset. */
export interface Finding {
  readonly path: Path;
  readonly sentence: string;
}

/** First tokens of a SELECT in DuckDB. */
const SELECT_BEGINS = new Set(['SELECT', 'WITH', 'FROM', 'VALUES', '(']);

/** Fields of an order and of a job id; parameters must not use these names. */
const RESERVED_PARAMETERS = new Set(
  [
    ...[
      'id',
      'startDate',
      'endDate',
      'exportType',
      'format',
      'columns',
      'filter',
      'timeZone',
      'compression',
      'recipients',
      'csv',
      'keepDays',
    ],
    ...['tenantKey', 'type', 'start', 'end'],
  ].map((name) => name.toLowerCase()),
);

/** Checks a dataset for consistency, which the schema cannot express. */
export function checkDataset(dataset: Dataset): readonly Finding[] {
  return [checkNames, checkKey, checkStanding, checkPeriodic, checkMarkers, checkSql].flatMap((check) =>
    check(dataset),
  );
}

/** Checks the queries of a bundle. Their values are bound by Waybill, so they must use those, and no others. */
export function checkBundle(bundle: Bundle): readonly Finding[] {
  return bundleQueries(bundle).flatMap(({ place, dataset }) => {
    const names = dataset.parameters.map(({ name }) => `$${name}`).join(' and ');
    const sentences = checkSql(dataset).map(({ path, sentence }) =>
      path[0] === 'sql' ? sentence : `should use ${names}: otherwise it selects the rows of every version`,
    );
    return [...new Set(sentences)].map((sentence) => ({ path: [place, 'sql'], sentence }));
  });
}

function checkNames(dataset: Dataset): readonly Finding[] {
  return [
    ...repeated(dataset.columns, (column) => column.name.toLowerCase()).map((i) => ({
      path: ['columns', i],
      sentence: `repeats the column ${dataset.columns[i]?.name}; names are case-insensitive`,
    })),
    ...repeated(dataset.columns, (column) => column.header).map((i) => ({
      path: ['columns', i],
      sentence: `repeats the header "${dataset.columns[i]?.header}"; a reader of the CSV could not distinguish the two`,
    })),
    ...repeated(dataset.parameters, (parameter) => parameter.name.toLowerCase()).map((i) => ({
      path: ['parameters', i, 'name'],
      sentence: 'repeats a parameter; names are case-insensitive',
    })),
    ...dataset.parameters.flatMap(({ name }, i) =>
      isReserved(name.toLowerCase())
        ? [
            {
              path: ['parameters', i, 'name'],
              sentence: `should be another name; ${name} is reserved`,
            },
          ]
        : [],
    ),
    ...(['doors', 'formats', 'key'] as const).flatMap((list) =>
      repeated<string>(dataset[list], (item) => item).map((i) => ({ path: [list, i], sentence: 'is listed twice' })),
    ),
  ];
}

function isReserved(lowerCaseName: string): boolean {
  return RESERVED_PARAMETERS.has(lowerCaseName) || lowerCaseName.startsWith(BOUND_BEGINNING);
}

function checkKey(dataset: Dataset): readonly Finding[] {
  const names = dataset.columns.map((column) => column.name);
  const findings: Finding[] = dataset.key.flatMap((name, i) =>
    names.includes(name)
      ? []
      : [{ path: ['key', i], sentence: `should name one of the columns${suggestion(name, names)}` }],
  );
  if (dataset.infersDeletes && (dataset.deletedColumn !== null || !dataset.doors.includes('recurring'))) {
    findings.push({ path: ['deletes'], sentence: 'is for recurring exports of a dataset without deleted_column' });
  }
  if (!dataset.doors.includes('recurring')) return findings;
  if (dataset.key.length === 0) {
    findings.push({ path: ['key'], sentence: 'is missing; recurring exports need it to apply deltas' });
  }
  if (dataset.createdColumn === null && dataset.modifiedColumn === null) {
    findings.push({
      path: ['modified_column'],
      sentence: 'is missing; recurring exports need created_column or modified_column to find deltas',
    });
  }
  return findings;
}

/** Names that become file names in object keys and downloads. */
const FILE_NAME = /^[A-Za-z][A-Za-z0-9_]*$/;

/** Nobody is there to give a parameter, or to ask for other columns. */
function checkStanding({ doors, parameters }: Dataset): readonly Finding[] {
  const kind = doors.find((door) => door === 'periodic' || door === 'recurring');
  if (!kind) return [];
  return parameters.flatMap(({ required }, i) =>
    required
      ? [{ path: ['parameters', i], sentence: `should not be required; ${kind} exports have no parameters` }]
      : [],
  );
}

function checkPeriodic({ doors, offeredAs }: Dataset): readonly Finding[] {
  if (!doors.includes('periodic')) return [];
  const findings: Finding[] = [];
  if (offeredAs !== undefined && !FILE_NAME.test(offeredAs)) {
    const sentence =
      'should be a letter, followed by letters, digits and underscores; periodic exports use it as a file name';
    findings.push({ path: ['offered_as'], sentence });
  }
  return findings;
}

const TIMES: readonly ColumnType[] = ['timestamp', 'date'];

/** The column need not be exported; if it is, its type must fit. */
function checkMarkers(dataset: Dataset): readonly Finding[] {
  return [
    { key: 'created_column', name: dataset.createdColumn, types: TIMES },
    { key: 'modified_column', name: dataset.modifiedColumn, types: TIMES },
    { key: 'deleted_column', name: dataset.deletedColumn, types: ['boolean'] satisfies ColumnType[] },
  ].flatMap(({ key, name, types }) => {
    const column = dataset.columns.find((candidate) => candidate.name === name);
    if (column?.anonymizedFrom !== undefined) {
      return [{ path: [key], sentence: `should not name ${name}, which is anonymized: rows are chosen by its values` }];
    }
    if (column === undefined || types.includes(column.type)) return [];
    return [{ path: [key], sentence: `should name a column of type ${types.join(' or ')}; ${name} is ${column.type}` }];
  });
}

function checkSql(dataset: Dataset): readonly Finding[] {
  const scan = scanSql(dataset.sql);
  const declared = dataset.parameters.map((parameter) => parameter.name);
  const findings: Finding[] = [];
  if (scan.semicolon) {
    findings.push({ path: ['sql'], sentence: 'should be one statement, without a semicolon' });
  }
  if (!SELECT_BEGINS.has(scan.begins)) {
    findings.push({ path: ['sql'], sentence: `should be a SELECT, not begin with ${scan.begins || 'nothing'}` });
  }
  for (const name of scan.parameters) {
    if (declared.includes(name)) continue;
    findings.push({
      path: ['sql'],
      sentence: `uses $${name}, which is not declared${suggestion(name, declared)}`,
    });
  }
  declared.forEach((name, i) => {
    if (scan.parameters.includes(name)) return;
    findings.push({ path: ['parameters', i, 'name'], sentence: `is declared, but the sql never uses $${name}` });
  });
  return findings;
}

/** @returns indexes of items that repeat an earlier name */
function repeated<Item>(items: readonly Item[], nameOf: (item: Item) => string): readonly number[] {
  const seen = new Set<string>();
  return items.flatMap((item, index) => {
    const name = nameOf(item);
    if (seen.has(name)) return [index];
    seen.add(name);
    return [];
  });
}

/** What can be said about a query without the warehouse. */
interface SqlScan {
  /** The first word in upper case, or `(`; empty if there are only comments. */
  readonly begins: string;
  /** Names after a `$`, without duplicates, in order. */
  readonly parameters: readonly string[];
  /** Whether there is a semicolon outside of strings and comments. */
  readonly semicolon: boolean;
}

/** Strings and comments are tokens, so nothing inside them is taken for SQL. */
const TOKEN =
  /(?<skip>\s+|--[^\n]*|\/\*[\s\S]*?\*\/)|(?<text>[eE]'(?:\\[\s\S]|''|[^'\\])*'|'(?:''|[^'])*'|"(?:""|[^"])*"|\$(?<tag>[A-Za-z_]\w*|)\$[\s\S]*?\$\k<tag>\$)|\$(?<parameter>\w+)|(?<word>[A-Za-z_][\w$]*)|[\s\S]/y;

/** Source: DuckDB documentation, "Literal types" (escape and dollar-quoted strings) and "Prepared statements". */
export function scanSql(sql: string): SqlScan {
  let begins = '';
  let semicolon = false;
  const parameters = new Set<string>();
  const token = new RegExp(TOKEN);
  for (let match = token.exec(sql); match !== null; match = token.exec(sql)) {
    const { skip, text, parameter, word } = match.groups ?? {};
    if (skip !== undefined) continue;
    if (begins === '') begins = (word ?? match[0]).toUpperCase();
    if (text !== undefined) continue;
    if (parameter !== undefined) parameters.add(parameter);
    else if (match[0] === ';') semicolon = true;
  }
  return { begins, parameters: [...parameters], semicolon };
}
