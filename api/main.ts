import { once } from 'node:events';
import { Connection } from '@temporalio/client';
import { assertAnonymizable } from '../config/anonymize.ts';
import { loadCatalog } from '../config/catalog.ts';
import { installLastResort } from '../config/last-resort.ts';
import { createLogger, explainListening, explainStartup } from '../config/logger.ts';
import { readSettings, type Settings } from '../config/settings.ts';
import { standingTimes } from '../config/standing.ts';
import { temporalTarget } from '../config/temporal.ts';
import { createLedger } from '../stores/ledger/postgres.ts';
import { createLoginLimit } from '../stores/limits/postgres.ts';
import { createObjects, objectsOptions } from '../stores/objects/minio.ts';
import { remotesOf } from '../stores/remotes/remotes.ts';
import { createTemporal } from '../stores/temporal/client.ts';
import { reconcilerId } from '../stores/temporal/reconciler.ts';
import { createSyncSchedule } from '../stores/temporal/sync-schedule.ts';
import { webhookSenderOf } from '../stores/webhooks/http.ts';
import { createApp } from './app.ts';
import type { OperatorAccess } from './deps.ts';
import { listen } from './server.ts';

/** How long downloads may take to finish after a stop signal. Milliseconds. */
const GRACE_MS = 20_000;
/** How long closing the stores may take afterwards. Milliseconds. */
const CLOSING_MS = 5_000;

/** Composition root of the API: reads the settings, opens the stores and serves until a stop signal. */
async function main(): Promise<void> {
  const settings = readSettings(process.env);
  const target = temporalTarget(settings, process.env);
  const logger = createLogger('api', settings.WAYBILL_LOG_LEVEL);
  const catalog = await loadCatalog(settings.WAYBILL_CATALOG);
  assertAnonymizable(catalog, settings.WAYBILL_ANONYMIZE_KEY);
  const ledger = createLedger({
    url: settings.WAYBILL_LEDGER_URL,
    connectionsMax: settings.WAYBILL_LEDGER_CONNECTIONS_MAX,
  });
  await ledger.migrate();
  const loginLimit = createLoginLimit({
    url: settings.WAYBILL_LEDGER_URL,
    failuresMax: settings.WAYBILL_LOGIN_FAILURES_MAX,
    logger,
  });
  const objects = createObjects(objectsOptions(settings));
  // Lazy, because the API still serves completed exports without Temporal; /readyz reports it as down.
  const connection = Connection.lazy(target.connection);
  const { namespace } = target;
  const taskQueue = settings.WAYBILL_TASK_QUEUE;
  const temporal = createTemporal({ connection, namespace, taskQueue });

  const stopping = new AbortController();
  const app = createApp({
    settings,
    ledger,
    loginLimit,
    catalog,
    objects,
    temporal,
    syncSchedule: createSyncSchedule(ledger, temporal, standingTimes(settings)),
    remotes: remotesOf(settings),
    webhooks: webhookSenderOf(settings),
    operator: operatorOf(settings, namespace),
    clock: { now: () => new Date() },
    logger,
    stopping: stopping.signal,
  });
  const { WAYBILL_API_HOST: host, WAYBILL_API_PORT: port } = settings;
  const server = await listen(app, host, port).catch((error: unknown) => {
    throw explainListening(error, port, 'WAYBILL_API_PORT');
  });
  logger.info({ host, port: server.port }, 'the API is listening');

  const lastResort = installLastResort(logger, GRACE_MS + CLOSING_MS);
  await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  stopping.abort();
  await server.close(GRACE_MS);
  await loginLimit.close();
  await ledger.close();
  await connection.close();
  logger.info('the API has stopped');
  lastResort.workEnded();
}

function operatorOf(settings: Settings, namespace: string): OperatorAccess | null {
  const { WAYBILL_OPERATOR_SECRET_HASH: hash, WAYBILL_TEMPORAL_UI_URL: url } = settings;
  if (hash === undefined) return null;
  return {
    secretHash: hash.replaceAll(':', '$'),
    temporalUi: url === undefined ? null : { url, namespace },
    reconcilerId: reconcilerId(settings.WAYBILL_TASK_QUEUE),
    deployment: standingTimes(settings),
  };
}

main().catch((error: unknown) => {
  process.stderr.write(`${explainStartup(error)}\n`);
  process.exit(1);
});
