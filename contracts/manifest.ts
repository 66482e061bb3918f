import type { Instant } from './instant.ts';
import type { Compression, CsvOptions, Format, ParameterValue } from './order.ts';
import type { Window } from './window.ts';

/** Raised when a field changes its meaning; readers refuse versions that they do not know. */
export const MANIFEST_VERSION = 1;

/** One object of an export. The parts of a file, concatenated in order, are the file. */
export interface ManifestPart {
  /** Object key, relative to the manifest's own prefix. */
  readonly name: string;
  /** A count of rows; exact, for every format. */
  readonly rows: number;
  /** Size of the object in bytes, as stored. */
  readonly bytes: number;
  /** Lower-case hex SHA-256 of the object as stored. */
  readonly sha256: string;
  /** Size of the content in bytes, before compression and sealing. */
  readonly contentBytes: number;
  /**
   * Lower-case hex SHA-256 of the content before compression and sealing; `null` for a sealed part, because the hash
   * of a guessable content would betray it.
   */
  readonly contentSha256: string | null;
}

export interface ManifestColumn {
  /** Name in the catalog, and the key in JSONL. */
  readonly name: string;
  /** Human header, and the header in CSV. */
  readonly header: string;
  /** Type in the catalog. */
  readonly type: string;
}

/** The waybill of an export: what was shipped. Written last; its presence is the commit point. */
export interface Manifest {
  readonly version: typeof MANIFEST_VERSION;
  readonly exportId: string;
  readonly workflowId: string;
  readonly tenant: string;
  readonly dataset: string;
  readonly window: Window;
  readonly parameters: Readonly<Record<string, ParameterValue>>;
  /** The time that every part was read at: nothing later is in the file. */
  readonly snapshotAt: Instant;
  readonly format: Format;
  /** `null` for other formats than CSV. */
  readonly csv: CsvOptions | null;
  readonly compression: Compression;
  /** age recipients the parts are sealed to; empty: not sealed. */
  readonly recipients: readonly string[];
  readonly columns: readonly ManifestColumn[];
  /** Name of the finished file, for example `flights.csv.zst.age`. */
  readonly file: string;
  /** Sums over the parts. */
  readonly rows: number;
  readonly bytes: number;
  readonly contentBytes: number;
  readonly parts: readonly ManifestPart[];
  readonly createdAt: Instant;
  /** When the files are removed. */
  readonly expiresAt: Instant;
}
