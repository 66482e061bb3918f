/** Everything the worker's bundle holds. Deterministic code only: no I/O, no clock of its own, no randomness. */
export { expireExport } from './expire-export.ts';
export { exportDataset, progressQuery } from './export-dataset.ts';
export { periodicExport } from './periodic-export.ts';
export { removeGeneration } from './remove-generation.ts';
export { removeStrays } from './remove-strays.ts';
