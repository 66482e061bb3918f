import type { Format } from '../contracts/order.ts';
import type { ExportKind } from '../contracts/run.ts';

/** Column types of the catalog, and how each is written to a file. */
export const COLUMN_TYPES = [
  'boolean',
  /** 64-bit signed. */
  'integer',
  /** Exact; a string in JSONL, because JSON numbers lose digits. */
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
  /** Header in CSV. @default the name */
  readonly header: string;
  readonly type: ColumnType;
  /** Meaning of the column; used as variable label and in documentation. */
  readonly label: string | null;
  /**
   * The type in the warehouse, if files hold keyed hashes of the values instead of the values; `type` is then `text`, and the
   * header says so. @default the values are written
   */
  readonly anonymizedFrom?: ColumnType;
  /** Meaning of coded values, by the value as text. */
  readonly valueLabels: Readonly<Record<string, string>> | null;
  /** Values that stand for a missing answer, and what they mean, by the value as text. @default there are none */
  readonly missing?: Readonly<Record<string, string>>;
  /** Whether rows can be filtered by it although no file has it. @default files have it */
  readonly hidden?: true;
}

export interface Parameter {
  readonly name: string;
  readonly type: 'integer' | 'text' | 'boolean';
  readonly required: boolean;
  readonly title: string | null;
}

/** Prefix of the names of values that the warehouse binds; reserved, so parameters must not use it. */
export const BOUND_BEGINNING = 'waybill_';

/** A named, tenant-filtered query of the catalog. */
export interface Dataset {
  /** `[A-Za-z][A-Za-z0-9_]*`, unique in the catalog without regard to case. */
  readonly name: string;
  /** Name for callers, if it differs from `name`; unique per kind of export. @default the name */
  readonly offeredAs?: string;
  readonly title: string;
  /** One SELECT in DuckDB's SQL over the attached warehouse. Parameters appear as `$name`. */
  readonly sql: string;
  /** Column of the SELECT that every query is filtered by. Mandatory; may be absent from `columns`. */
  readonly tenantColumn: string;
  /** When a row was created, or `null` if the source has no such column. Time columns are read as UTC. */
  readonly createdColumn: string | null;
  readonly modifiedColumn: string | null;
  /** Columns that identify a row, for deltas. */
  readonly key: readonly string[];
  readonly columns: readonly Column[];
  readonly parameters: readonly Parameter[];
  readonly formats: readonly Format[];
  /** Boolean column that marks a row as deleted, or `null`. */
  readonly deletedColumn: string | null;
  /** Whether deletions are found by comparing the keys of all rows with those of the run before. @default false */
  readonly infersDeletes?: boolean;
  /** Kinds of export that offer the dataset. */
  readonly doors: readonly ExportKind[];
}

/** Kinds of export that a catalog may name. */
export const EXPORT_KINDS = ['on-demand', 'periodic', 'recurring', 'questionnaire', 'requests'] as const;

/** A query of a bundle. */
export interface BundleQuery {
  /** One SELECT in DuckDB's SQL over the attached warehouse, with the bundle's tenant column. */
  readonly sql: string;
}

/**
 * Questionnaires, which the warehouse itself describes. Every query is filtered by tenant, those that come from the warehouse too.
 */
export interface Bundle {
  /** `[A-Za-z][A-Za-z0-9_]*`, unique among the bundles and datasets of the catalog without regard to case. */
  readonly name: string;
  readonly kind: 'questionnaire';
  readonly title: string;
  /** Column of each of the queries, and of every table that {@link tables} names. */
  readonly tenantColumn: string;
  /** One row a questionnaire version. */
  readonly members: BundleQuery;
  /** One row a table and column of the version `$questionnaire_id`, `$version`. */
  readonly tables: BundleQuery;
  /** One row a file of that version; `null`: there are none. */
  readonly attachments: BundleQuery | null;
  /** Columns of the tables of interviews that archives can be filtered by; `null`: they cannot. */
  readonly filters: {
    /** The interview's status, a code. */
    readonly status: string | null;
    /** When the interview changed last, in UTC. */
    readonly time: string | null;
  };
}

/** What an operator offers. Immutable; read once at start. */
export interface Catalog {
  readonly datasets: readonly Dataset[];
  /** @returns the dataset with this name, case-insensitive */
  find(name: string): Dataset | undefined;
  readonly bundles: readonly Bundle[];
}

/** @returns the dataset's name for callers */
export function offeredName({ name, offeredAs }: Dataset): string {
  return offeredAs ?? name;
}

/** @returns the datasets offered by a kind of export, in the order of the catalog */
export function offeredAt(catalog: Catalog, kind: ExportKind): readonly Dataset[] {
  return catalog.datasets.filter(({ doors }) => doors.includes(kind));
}
