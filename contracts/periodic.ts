import type { StandingKind } from './standing.ts';

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

/** Periodic exports: all files of a tenant, every day. */
export const PERIODIC: StandingKind = {
  kind: 'periodic',
  subject: 'periodic',
  formats: PERIODIC_FORMATS,
  name: 'Periodic export',
  title: 'nightly periodic export',
  statusPath: '/dataexport',
  scheduleId: (tenant) => `periodic-export|tenantKey:${tenant}`,
  recurrence: (at) => ({ every: 'day', at }),
  catchupHours: 12,
  exports: 'all',
};
