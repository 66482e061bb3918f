/** Everything the worker's bundle holds. Deterministic code only: no I/O, no clock of its own, no randomness. */
export { listQuestionnaires } from './list-questionnaires.ts';
export { previewOrder } from './preview.ts';
export { pushDelivery } from './push.ts';
export { reconcile } from './reconcile.ts';
export { progressQuery, runExport } from './run-export.ts';
export { deliverWebhooks, wakeSignal } from './webhooks.ts';
