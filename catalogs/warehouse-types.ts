import type { ColumnType } from '../config/dataset.ts';

/** DuckDB's types of the sample warehouse, by the catalog's. */
export const WAREHOUSE_TYPES: Readonly<Record<ColumnType, RegExp>> = {
  boolean: /^BOOLEAN$/,
  integer: /^(INTEGER|BIGINT)$/,
  decimal: /^DECIMAL\(\d+,\d+\)$/,
  double: /^DOUBLE$/,
  text: /^VARCHAR$/,
  date: /^DATE$/,
  time: /^TIME$/,
  timestamp: /^TIMESTAMP( WITH TIME ZONE)?$/,
  uuid: /^UUID$/,
  json: /(^JSON$|\[\]$|^STRUCT)/,
  binary: /^BLOB$/,
};
