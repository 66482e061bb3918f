/** Names and words of the periodic exports. */

/** What periodic files are offered as. */
export const FILE_TYPES = ['csv', 'json'] as const;
export type FileType = (typeof FILE_TYPES)[number];

/** Formats that every periodic file is stored in. */
export const PERIODIC_FORMATS = ['csv', 'json', 'typed-json'] as const;
export type PeriodicFormat = (typeof PERIODIC_FORMATS)[number];

/** @param typed whether values in JSON have the types of the data model; says nothing for CSV */
export function periodicFormat(fileType: FileType, typed: boolean): PeriodicFormat {
  return fileType === 'json' && typed ? 'typed-json' : fileType;
}

/** Name of the bundle of all periodic files, in the ledger, search attributes and pages. */
export const PERIODIC_BUNDLE = 'periodic';
