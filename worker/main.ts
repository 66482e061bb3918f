import { Client } from '@temporalio/client';
import { NativeConnection, Runtime, type Worker } from '@temporalio/worker';
import { createActivities } from '../activities/index.ts';
import { createPrecedence } from '../activities/precedence.ts';
import { createTurns } from '../activities/turns.ts';
import { assertAnonymizable } from '../config/anonymize.ts';
import { bundleQueries } from '../config/bundle.ts';
import { loadCatalog } from '../config/catalog.ts';
import { installLastResort } from '../config/last-resort.ts';
import { createLogger, explainStartup } from '../config/logger.ts';
import { readAnonymizeKey } from '../config/secrets-key.ts';
import { readSettings } from '../config/settings.ts';
import { standingTimes } from '../config/standing.ts';
import { temporalTarget } from '../config/temporal.ts';
import { PERIODIC } from '../contracts/periodic.ts';
import { RECURRING } from '../contracts/recurring.ts';
import { createLedger } from '../stores/ledger/postgres.ts';
import { createMail } from '../stores/mail/smtp.ts';
import { createObjects, objectsOptions } from '../stores/objects/minio.ts';
import { archivePasswordsOf } from '../stores/remotes/archive-passwords.ts';
import { remotesOf } from '../stores/remotes/remotes.ts';
import { createAttempts } from '../stores/temporal/attempts.ts';
import { createTemporal } from '../stores/temporal/client.ts';
import { prepareNamespace } from '../stores/temporal/namespace.ts';
import { scheduleReconciler } from '../stores/temporal/reconciler.ts';
import { createSyncSchedule } from '../stores/temporal/sync-schedule.ts';
import { webhookSenderOf } from '../stores/webhooks/http.ts';
import { createSigner } from '../streams/signing.ts';
import { serveHealth } from './health.ts';
import { temporalLogger } from './logger.ts';
import { createWorkers, SHUTDOWN_GRACE_MS, threadsOf } from './workers.ts';

/** Milliseconds after the shutdown grace period for steps to stop and stores to close. */
const CLOSING_MS = 8_000;

/** Composition root of a worker: reads the settings, opens the stores, runs until it is stopped. */
async function main(): Promise<void> {
  const settings = readSettings(process.env);
  const target = temporalTarget(settings, process.env);
  // libuv reads this variable on first use of its pool, which loading DuckDB's package causes: hence the late import.
  const threads = Math.max(Number(process.env.UV_THREADPOOL_SIZE) || 0, threadsOf(settings.WAYBILL_WORKER_PARTS_MAX));
  process.env.UV_THREADPOOL_SIZE = String(threads);
  const { createWarehouse } = await import('../stores/warehouse/duckdb.ts');

  const logger = createLogger('worker', settings.WAYBILL_LOG_LEVEL);
  const lastResort = installLastResort(logger, SHUTDOWN_GRACE_MS + CLOSING_MS);
  Runtime.install({ logger: temporalLogger(logger), shutdownSignals: ['SIGINT', 'SIGTERM'] });

  let workers: readonly Worker[] = [];
  const isRunning = () => workers.length > 0 && workers.every((worker) => worker.getState() === 'RUNNING');
  // First, so that a taken port is reported before anything else is opened.
  const { WAYBILL_WORKER_HEALTH_PORT: healthPort } = settings;
  const health = healthPort ? await serveHealth(healthPort, isRunning) : undefined;

  const catalog = await loadCatalog(settings.WAYBILL_CATALOG);
  assertAnonymizable(catalog, settings.WAYBILL_ANONYMIZE_KEY);
  const ledger = createLedger({
    url: settings.WAYBILL_LEDGER_URL,
    connectionsMax: settings.WAYBILL_LEDGER_CONNECTIONS_MAX,
  });
  await ledger.migrate();
  const objects = createObjects(objectsOptions(settings));
  await objects.prepare();
  const bucket = settings.WAYBILL_ATTACHMENTS_BUCKET;
  const attachments = bucket ? createObjects({ ...objectsOptions(settings), bucket }) : null;
  const warehouse = await createWarehouse({
    startupSql: settings.WAYBILL_WAREHOUSE_SQL,
    directories: settings.WAYBILL_WAREHOUSE_DIRECTORIES,
    extensionDirectory: settings.WAYBILL_WAREHOUSE_EXTENSION_DIRECTORY,
    installExtensions: settings.WAYBILL_WAREHOUSE_INSTALL_EXTENSIONS,
    memory: settings.WAYBILL_WAREHOUSE_MEMORY,
    threads: settings.WAYBILL_WAREHOUSE_THREADS,
    tempDirectory: settings.WAYBILL_TEMP_DIRECTORY,
    logger,
    anonymizeKey: readAnonymizeKey(settings.WAYBILL_ANONYMIZE_KEY ?? ''),
    onInvalid: (failure) => lastResort.fail(failure, 'DuckDB has invalidated the database: killing the process'),
  });
  await warehouse.check([
    ...catalog.datasets,
    ...catalog.bundles.flatMap((bundle) => bundleQueries(bundle).map(({ dataset }) => dataset)),
  ]);

  const connection = await NativeConnection.connect(target.connection);
  const { namespace } = target;
  await prepareNamespace(connection, namespace, settings.WAYBILL_TEMPORAL_RETENTION_DAYS);

  const mail = settings.WAYBILL_SMTP_URL
    ? createMail({ url: settings.WAYBILL_SMTP_URL, from: settings.WAYBILL_MAIL_FROM })
    : null;
  const taskQueue = settings.WAYBILL_TASK_QUEUE;
  const client = new Client({ connection, namespace });
  const temporal = createTemporal({ connection, namespace, taskQueue });
  const signer = settings.WAYBILL_SIGNING_KEY ? createSigner(settings.WAYBILL_SIGNING_KEY) : null;
  if (signer) await ledger.signingKeys.add(signer.publicKey);
  else logger.warn('manifests are not signed: WAYBILL_SIGNING_KEY is not set');
  const precedence = createPrecedence();
  const activities = createActivities({
    catalog,
    warehouse,
    objects,
    attachments,
    ledger,
    archivePasswords: archivePasswordsOf(settings),
    temporal,
    syncSchedule: createSyncSchedule(ledger, temporal, standingTimes(settings)),
    standingKinds: [PERIODIC, RECURRING],
    deployment: standingTimes(settings),
    settlingSeconds: settings.WAYBILL_RECURRING_SETTLING_SECONDS,
    keepDays: settings.WAYBILL_RECURRING_KEEP_DAYS,
    attempts: createAttempts(client.activity),
    signer,
    mail,
    remotes: remotesOf(settings),
    webhooks: webhookSenderOf(settings),
    expiryNoticeHours: settings.WAYBILL_EXPIRY_NOTICE_HOURS,
    publicUrl: settings.WAYBILL_PUBLIC_URL,
    tempDirectory: settings.WAYBILL_TEMP_DIRECTORY,
    partRows: settings.WAYBILL_PART_ROWS,
    graceSeconds: settings.WAYBILL_PERIODIC_GRACE_SECONDS,
    straySeconds: settings.WAYBILL_STRAY_SECONDS,
    turns: createTurns({
      places: settings.WAYBILL_WORKER_PARTS_MAX,
      memory: warehouse.memory,
      precedence,
      onRepeat: (err) => logger.warn({ err }, 'work ran out of memory beside other work, and is done again alone'),
    }),
    requests: {
      runningMax: settings.WAYBILL_REQUESTS_RUNNING_MAX,
      timeZone: settings.WAYBILL_REQUESTS_TIME_ZONE,
      supportEmail: settings.WAYBILL_SUPPORT_EMAIL ?? null,
      temporalUi: settings.WAYBILL_TEMPORAL_UI_URL ? { url: settings.WAYBILL_TEMPORAL_UI_URL, namespace } : null,
    },
    logger,
  });
  workers = await createWorkers({
    connection,
    namespace,
    taskQueue,
    activities,
    precedence,
    partsMax: settings.WAYBILL_WORKER_PARTS_MAX,
    workflowBundle: settings.WAYBILL_WORKFLOW_BUNDLE,
  });
  await scheduleReconciler(client, taskQueue, settings.WAYBILL_RECONCILE_SECONDS);
  logger.info({ taskQueue, datasets: catalog.datasets.length }, 'the worker is ready');

  lastResort.workBegins();
  try {
    await Promise.all(workers.map((worker) => worker.run()));
  } catch (error) {
    lastResort.fail(error, 'a Temporal worker failed: killing the process');
  }
  health?.close();
  mail?.close();
  await warehouse.close();
  await ledger.close();
  await connection.close();
  logger.info('the worker has stopped');
  lastResort.workEnded();
}

main().catch((error: unknown) => {
  process.stderr.write(`${explainStartup(error)}\n`);
  process.exit(1);
});
