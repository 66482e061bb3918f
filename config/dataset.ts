import type { Format } from '../contracts/order.ts';

/** Types a column may have in the catalog, and what each becomes in a file. */
export const COLUMN_TYPES = [
  'boolean',
  /** 64-bit signed. */
  'integer',
  /** Exact; a JSON string in JSONL, because numbers there lose digits. */
  'decimal',
  'double',
  'text',
  'date',
  'time',
  /** An instant in UTC; written `2012-09-05T11:12:47.000000Z`. */
  'timestamp',
  'uuid',
  /** Lists, structs, maps and JSON: JSON text in CSV, JSON in JSONL. */
  'json',
  /** Bytes: base64 text. */
  'binary',
] as const;
export type ColumnType = (typeof COLUMN_TYPES)[number];

export interface Column {
  /** Name in the dataset's SQL and the key in JSONL. */
  readonly name: string;
  /** Human header, used in CSV. @default the name */
  readonly header: string;
  readonly type: ColumnType;
  /** What the column means; becomes the variable label and the documentation line. */
  readonly label: string | null;
  /** Meaning of coded values, by value as text. */
  readonly valueLabels: Readonly<Record<string, string>> | null;
  /** Whether the field is replaced by a keyed hash where a door asks for it. */
  readonly anonymize: boolean;
}

export interface Parameter {
  readonly name: string;
  readonly type: 'integer' | 'text' | 'boolean';
  readonly required: boolean;
  readonly title: string | null;
}

/** How the names of values begin that the warehouse binds beside a dataset's parameters; theirs may not. */
export const BOUND_BEGINNING = 'waybill_';

/** A named, tenant-filtered query of the catalog. */
export interface Dataset {
  /** `[A-Za-z][A-Za-z0-9_]*`, unique in the catalog without regard to case. */
  readonly name: string;
  /** What callers of its doors call it, where that is not `name`; unique at each door. @default the name */
  readonly offeredAs?: string;
  readonly title: string;
  /** One SELECT in DuckDB's SQL over the attached warehouse. Parameters appear as `$name`. */
  readonly sql: string;
  /** Column of the SELECT that every query is filtered by. Mandatory; need not be among `columns`. */
  readonly tenantColumn: string;
  /** When a row was created, or `null` when the source does not know. Time columns are read as UTC. */
  readonly createdColumn: string | null;
  readonly modifiedColumn: string | null;
  /** Columns that identify a row, for deltas. */
  readonly key: readonly string[];
  readonly columns: readonly Column[];
  readonly parameters: readonly Parameter[];
  readonly formats: readonly Format[];
  /** Boolean column that marks a row as deleted, or `null`. */
  readonly deletedColumn: string | null;
  /** Doors that offer the dataset. */
  readonly doors: readonly Door[];
}

export const DOORS = ['on-demand', 'periodic', 'recurring', 'questionnaire', 'requests'] as const;
export type Door = (typeof DOORS)[number];

/** The datasets an operator offers. Immutable; read once at start. */
export interface Catalog {
  readonly datasets: readonly Dataset[];
  /** @returns the dataset of that name, without regard to case. */
  find(name: string): Dataset | undefined;
}

/** @returns what callers of its doors call the dataset. */
export function offeredName({ name, offeredAs }: Dataset): string {
  return offeredAs ?? name;
}

/** @returns the datasets that the door offers, in the order of the catalog. */
export function offeredAt(catalog: Catalog, door: Door): readonly Dataset[] {
  return catalog.datasets.filter(({ doors }) => doors.includes(door));
}
