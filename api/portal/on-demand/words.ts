import type { Catalog } from '../../../config/dataset.ts';
import type { Compression, Format, Order } from '../../../contracts/order.ts';
import type { ExportState } from '../../../contracts/progress.ts';
import type { FILE_COUNTS } from '../../../contracts/views/on-demand.ts';
import type { StateKind } from '../components/state.ts';

export const FORMAT_NAMES: Readonly<Record<Format, string>> = {
  csv: 'CSV',
  jsonl: 'JSON Lines',
  xlsx: 'Excel',
  parquet: 'Parquet',
  sav: 'SPSS',
  zsav: 'SPSS, compressed',
  dta: 'Stata',
};
export const COMPRESSION_NAMES: Readonly<Record<Compression, string>> = { none: 'None', gzip: 'gzip', zstd: 'zstd' };
export const FILE_COUNT_NAMES: Readonly<Record<(typeof FILE_COUNTS)[number], string>> = {
  one: 'One',
  auto: 'Several, if it has many rows',
};

/** @returns for example "CSV, zstd" */
export function formatText({ format, compression }: Pick<Order, 'format' | 'compression'>): string {
  return compression === 'none' ? FORMAT_NAMES[format] : `${FORMAT_NAMES[format]}, ${COMPRESSION_NAMES[compression]}`;
}

/** @returns the dataset's title, or its name if the catalog no longer has it */
export function datasetTitle(catalog: Catalog, name: string): string {
  return catalog.find(name)?.title ?? name;
}

/** How each state of an export is shown. */
export const STATES: Readonly<Record<ExportState, { readonly kind: StateKind; readonly word: string }>> = {
  pending: { kind: 'submitted', word: 'Submitted' },
  running: { kind: 'running', word: 'Running' },
  completed: { kind: 'available', word: 'Completed' },
  failed: { kind: 'failed', word: 'Failed' },
  cancelled: { kind: 'expired', word: 'Cancelled' },
  expired: { kind: 'expired', word: 'Expired' },
  deleted: { kind: 'expired', word: 'Deleted' },
};
