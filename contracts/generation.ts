import type { Instant } from './instant.ts';
import type { ManifestColumn } from './manifest.ts';
import type { PeriodicFormat } from './order.ts';

/** What periodic files are offered as. */
export const FILE_TYPES = ['csv', 'json'] as const;
export type FileType = (typeof FILE_TYPES)[number];

/** @param typed whether values in JSON have the types of the data model; says nothing for CSV */
export function periodicFormat(fileType: FileType, typed: boolean): PeriodicFormat {
  return fileType === 'json' && typed ? 'typed-json' : fileType;
}

/** Raised when a member changes its meaning; readers refuse versions that they do not know. */
export const GENERATION_VERSION = 1;

/** One object of a generation: an age file whose content is the file. */
export interface GenerationObject {
  /** Object key, relative to the manifest's own prefix. */
  readonly name: string;
  /** Size of the object in bytes, as stored. */
  readonly bytes: number;
  /** Lower-case hex SHA-256 of the object as stored. */
  readonly sha256: string;
  /** Size of the content in bytes, before sealing. */
  readonly contentBytes: number;
}

/** One file of the bundle, in every format. */
export interface GenerationFile {
  /** Name that callers know it by, such as `user`. */
  readonly file: string;
  /** Name of its dataset in the catalog. */
  readonly dataset: string;
  /** A count of rows; the same in every format. */
  readonly rows: number;
  /** In the order of the file. */
  readonly columns: readonly ManifestColumn[];
  readonly objects: Readonly<Record<PeriodicFormat, GenerationObject>>;
}

/**
 * The waybill of one generation: all periodic files of a tenant, read at one moment and sealed to one recipient. Written
 * before the ledger's switch, which names its hash: that is the commit point, and later changes to it show.
 */
export interface GenerationManifest {
  readonly version: typeof GENERATION_VERSION;
  readonly kind: 'generation';
  readonly generationId: string;
  readonly workflowId: string;
  readonly tenant: string;
  /** The time that every file was read at: nothing later is in any of them. */
  readonly snapshotAt: Instant;
  /** The one age recipient that every object is sealed to. */
  readonly recipient: string;
  readonly files: readonly GenerationFile[];
  /** Sum over the files, each counted once. */
  readonly rows: number;
  /** Sums over all objects. */
  readonly bytes: number;
  readonly contentBytes: number;
  readonly createdAt: Instant;
}
