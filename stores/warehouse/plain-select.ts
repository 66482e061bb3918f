import { z } from 'zod';
import type { PostgresRelation } from './attached.ts';

/** A SELECT of columns as they are. Source: DuckDB 1.5, json_serialize_sql. */
const PlainSelect = z.object({
  node: z.object({
    type: z.literal('SELECT_NODE'),
    modifiers: z.tuple([]),
    cte_map: z.object({ map: z.tuple([]) }),
    select_list: z.array(
      z.discriminatedUnion('type', [
        z.object({ type: z.literal('COLUMN_REF'), alias: z.string(), column_names: z.array(z.string()) }),
        z.object({
          type: z.literal('STAR'),
          alias: z.string(),
          replace_list: z.tuple([]),
          rename_list: z.tuple([]),
          columns: z.literal(false),
          expr: z.null(),
        }),
      ]),
    ),
    from_table: z.object({
      type: z.literal('BASE_TABLE'),
      alias: z.string(),
      /** Empty if the database is named without a schema: then the parser takes it for one. */
      catalog_name: z.string(),
      schema_name: z.string(),
      table_name: z.string(),
      column_name_alias: z.tuple([]),
      sample: z.null(),
    }),
    where_clause: z.unknown(),
    group_expressions: z.tuple([]),
    having: z.null(),
    sample: z.null(),
    qualify: z.null(),
  }),
});

/** Columns of one table of PostgreSQL, selected as they are. */
export interface PlainColumns {
  /** What names the table in the SELECT. */
  readonly alias: string;
  /**
   * By name in the result, in lower case, the column as PostgreSQL spells it. `undefined`: something else, such as a field of
   * a composite value.
   */
  readonly columns: ReadonlyMap<string, string | undefined>;
  /** Whether the SQL would mean the same if something else with these columns had the table's place in it. */
  readonly isMovable: boolean;
}

/**
 * @param select as DuckDB's parser serializes it
 * @returns `undefined` unless it selects columns of this table as they are, without conditions on those of `numeric`
 */
export function plainColumns(select: unknown, relation: PostgresRelation): PlainColumns | undefined {
  const { data } = PlainSelect.safeParse(select);
  if (!data || !isTable(data.node.from_table, relation)) return undefined;
  const { select_list: items, from_table: table, where_clause: where } = data.node;
  const alias = table.alias || table.table_name;
  const columns = new Map<string, string | undefined>();
  // Of equal names, the first one is the result's; DuckDB renames the others.
  const add = (name: string, column: string | undefined) => {
    if (!columns.has(name.toLowerCase())) columns.set(name.toLowerCase(), column);
  };
  for (const item of items) {
    if (item.type === 'STAR') for (const name of relation.columns) add(name, name);
    else {
      const [name = '', table = alias] = item.column_names.toReversed();
      const isColumn = table.toLowerCase() === alias.toLowerCase();
      add(item.alias || name, isColumn ? relation.columns.find((column) => isSame(column, name)) : undefined);
    }
  }
  // A condition may also use the names of the result.
  const names = [...columns].flatMap(([name, column]) => (relation.numeric.includes(column ?? '') ? [name] : []));
  const condition = JSON.stringify(where ?? null).toLowerCase();
  for (const name of [...relation.numeric, ...names]) {
    if (condition.includes(JSON.stringify(name.toLowerCase()))) return undefined;
  }
  return { alias, columns, isMovable: isMovable([items, where], relation, columns) };
}

/**
 * Whether all of the tree is about single columns of the table, and names none with schema or database. A name that is no
 * column's may be the table's own, which stands for a whole row, or a column of PostgreSQL's system.
 */
function isMovable(tree: unknown, relation: PostgresRelation, columns: PlainColumns['columns']): boolean {
  if ([...columns.values()].includes(undefined)) return false;
  const known = new Set([...relation.columns.map((name) => name.toLowerCase()), ...columns.keys()]);
  return referencesIn(tree).every((names) => names.length <= 2 && known.has(String(names.at(-1)).toLowerCase()));
}

/** Whether the FROM item names the table. A view of DuckDB may compute, and so is none. */
function isTable(
  from: z.infer<typeof PlainSelect>['node']['from_table'],
  { database, schema, name, isDefaultSchema }: PostgresRelation,
): boolean {
  if (!isSame(from.table_name, name)) return false;
  if (from.catalog_name !== '') return isSame(from.catalog_name, database) && isSame(from.schema_name, schema);
  return isSame(from.schema_name, database) && isDefaultSchema;
}

function isSame(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

/** @returns the names of each column in the tree, with what qualifies them */
function referencesIn(node: unknown): readonly unknown[][] {
  if (Array.isArray(node)) return node.flatMap(referencesIn);
  if (typeof node !== 'object' || node === null) return [];
  if ('column_names' in node && Array.isArray(node.column_names)) return [node.column_names];
  // In a condition, COLUMNS(*) stands for each column.
  if ('columns' in node && node.columns === true) return [['*']];
  return referencesIn(Object.values(node));
}
