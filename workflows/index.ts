/** Everything the worker's bundle holds. Deterministic code only: no I/O, no clock of its own, no randomness. */
export { exportDataset, progressQuery } from './export-dataset.ts';
export { periodicExport } from './periodic-export.ts';
export { reconcile } from './reconcile.ts';
