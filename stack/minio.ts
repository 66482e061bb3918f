import { DEMO } from './demo-secrets.ts';
import { LOOPBACK } from './ports.ts';
import { answersOk } from './probe.ts';
import type { Environment, ProcessSpec } from './process.ts';

export function minioProcess(options: {
  readonly executable: string;
  readonly directory: string;
  readonly port: number;
  readonly consolePort: number;
  readonly environment: Environment;
}): ProcessSpec {
  const { executable, directory, port, consolePort, environment } = options;
  return {
    name: 'minio',
    command: executable,
    arguments: [
      ...['server', directory, '--quiet'],
      ...['--address', `${LOOPBACK}:${port}`, '--console-address', `${LOOPBACK}:${consolePort}`],
    ],
    environment: {
      ...environment,
      MINIO_ROOT_USER: DEMO.objectsAccessKey,
      MINIO_ROOT_PASSWORD: DEMO.objectsSecretKey,
      MINIO_UPDATE: 'off',
    },
    identity: undefined,
    stopSignal: 'SIGTERM',
    graceMs: 10_000,
    readyMs: 30_000,
    ready: () => answersOk(`http://${LOOPBACK}:${port}/minio/health/ready`),
    retryWhen: undefined,
  };
}
