import { type DuckDBType, DuckDBTypeId, VARCHAR } from '@duckdb/node-api';
import type { Bindings } from './bindings.ts';

/** A column that is compared as text, such as a dataset's tenant column. */
export interface TenantColumn {
  /** Quoted and qualified. */
  readonly sql: string;
  readonly type: DuckDBType;
}

/** Types whose values are cast to, so that the column itself is compared and an index or statistics serve. */
const COMPARED_AS_THEY_ARE: ReadonlySet<DuckDBTypeId> = new Set([
  DuckDBTypeId.TINYINT,
  DuckDBTypeId.SMALLINT,
  DuckDBTypeId.INTEGER,
  DuckDBTypeId.BIGINT,
  DuckDBTypeId.HUGEINT,
  DuckDBTypeId.UTINYINT,
  DuckDBTypeId.USMALLINT,
  DuckDBTypeId.UINTEGER,
  DuckDBTypeId.UBIGINT,
  DuckDBTypeId.UHUGEINT,
  DuckDBTypeId.DECIMAL,
  DuckDBTypeId.UUID,
  DuckDBTypeId.ENUM,
  DuckDBTypeId.DATE,
]);

/**
 * The row belongs to the tenant: the column's value, as text, is the tenant's key in the warehouse.
 *
 * A key is cast to the column's type only if it is that value's own text. `007` is not 7: with both keys, two tenants
 * would share their rows.
 *
 * DuckDB sends PostgreSQL `column = 'key' COLLATE "C"` for a comparison of texts, which no index of another collation
 * serves, but `column IN (…)` without a collation. The comparison stays, because a collation may hold different texts for
 * equal. With one value in its list, IN would be turned into the comparison.
 *
 * @returns SQL
 */
export function isTenant(
  { tenant, inPostgres }: { readonly tenant: TenantColumn; readonly inPostgres: boolean },
  key: string,
  bindings: Bindings,
): string {
  return isText(tenant, bindings.add(key, VARCHAR), inPostgres);
}

/**
 * The column's value, as text, is this one. Compared as in {@link isTenant}.
 *
 * @param value SQL of a text
 * @returns SQL
 */
export function isText({ sql, type }: TenantColumn, value: string, inPostgres: boolean): string {
  if (type.typeId === DuckDBTypeId.VARCHAR) {
    return inPostgres ? `${sql} = ${value} AND ${sql} IN (${value}, ${value})` : `${sql} = ${value}`;
  }
  if (!COMPARED_AS_THEY_ARE.has(type.typeId)) return `CAST(${sql} AS VARCHAR) = ${value}`;
  const cast = `TRY_CAST(${value} AS ${type})`;
  return `${sql} = CASE WHEN CAST(${cast} AS VARCHAR) = ${value} THEN ${cast} END`;
}
