import { once } from 'node:events';
import { installLastResort } from '../config/last-resort.ts';
import { createLogger, explainListening, explainStartup } from '../config/logger.ts';
import { readSomeSettings } from '../config/settings.ts';
import { createLedger } from '../stores/ledger/postgres.ts';
import { createLoginLimit } from '../stores/limits/postgres.ts';
import { createObjects, objectsOptions } from '../stores/objects/minio.ts';
import { startGateway } from './gateway.ts';
import { serveHealth } from './health.ts';
import { readHostKey } from './host-key.ts';
import { createOpenRun } from './runs.ts';

/** How long transfers may take to finish after a stop signal. Milliseconds. */
const GRACE_MS = 20_000;
/** How long closing the stores may take afterwards. Milliseconds. */
const CLOSING_MS = 5_000;

const LIMITS = {
  loginMs: 60_000,
  stallMs: 120_000,
  attemptsMax: 10,
  rekeyBytes: 1024 ** 3,
  aheadBytesMax: 4 * 1024 * 1024,
  totalBytesMax: 8 * 1024 * 1024,
};

/** The gateway needs neither the secrets of the API nor the warehouse. */
const SETTINGS = [
  'WAYBILL_ENV',
  'WAYBILL_LOG_LEVEL',
  'WAYBILL_LEDGER_URL',
  'WAYBILL_LEDGER_CONNECTIONS_MAX',
  'WAYBILL_LOGIN_FAILURES_MAX',
  'WAYBILL_OBJECTS_URL',
  'WAYBILL_OBJECTS_REGION',
  'WAYBILL_OBJECTS_BUCKET',
  'WAYBILL_OBJECTS_ACCESS_KEY',
  'WAYBILL_OBJECTS_SECRET_KEY',
  'WAYBILL_SFTP_HOST',
  'WAYBILL_SFTP_PORT',
  'WAYBILL_SFTP_HEALTH_PORT',
  'WAYBILL_SFTP_HOST_KEY',
  'WAYBILL_SFTP_SESSIONS_MAX',
  'WAYBILL_SFTP_TENANT_SESSIONS_MAX',
  'WAYBILL_SFTP_IDLE_SECONDS',
  'WAYBILL_SFTP_TRUSTED_PROXIES',
] as const;

/** Composition root of the SFTP gateway: reads the settings, opens the stores and serves until a stop signal. */
async function main(): Promise<void> {
  const settings = readSomeSettings(process.env, SETTINGS);
  const logger = createLogger('sftp', settings.WAYBILL_LOG_LEVEL);
  const url = settings.WAYBILL_LEDGER_URL;
  const ledger = createLedger({ url, connectionsMax: settings.WAYBILL_LEDGER_CONNECTIONS_MAX });
  await ledger.migrate();
  const loginLimit = createLoginLimit({ url, failuresMax: settings.WAYBILL_LOGIN_FAILURES_MAX, logger });
  const objects = createObjects(objectsOptions(settings));
  const hostKey = await readHostKey(ledger, settings);

  const { WAYBILL_SFTP_HOST: host, WAYBILL_SFTP_PORT: port, WAYBILL_SFTP_HEALTH_PORT: healthPort } = settings;
  const gateway = await startGateway(
    {
      hostKey: hostKey.privateKey,
      ...{ ledger, loginLimit, objects, logger },
      openRun: createOpenRun(objects),
      limits: { ...LIMITS, idleMs: settings.WAYBILL_SFTP_IDLE_SECONDS * 1000 },
      sessionsMax: settings.WAYBILL_SFTP_SESSIONS_MAX,
      tenantSessionsMax: settings.WAYBILL_SFTP_TENANT_SESSIONS_MAX,
      trustedProxies: settings.WAYBILL_SFTP_TRUSTED_PROXIES,
    },
    host,
    port,
  ).catch((error: unknown) => {
    throw explainListening(error, port, 'WAYBILL_SFTP_PORT');
  });
  let stopping = false;
  const answers = (ping: Promise<void>) =>
    ping.then(
      () => true,
      () => false,
    );
  const ready = async () =>
    !stopping && (await Promise.all([ledger.ping(), objects.ping()].map(answers))).every(Boolean);
  const health = healthPort === undefined ? undefined : await serveHealth(healthPort, ready);
  logger.info({ host, port: gateway.port, hostKey: hostKey.fingerprint }, 'the SFTP gateway is listening');

  const lastResort = installLastResort(logger, GRACE_MS + CLOSING_MS);
  await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
  stopping = true;
  await gateway.close(GRACE_MS);
  health?.close();
  await loginLimit.close();
  await ledger.close();
  logger.info('the SFTP gateway has stopped');
  lastResort.workEnded();
}

main().catch((error: unknown) => {
  process.stderr.write(`${explainStartup(error)}\n`);
  process.exit(1);
});
