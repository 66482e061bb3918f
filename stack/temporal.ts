import { Connection, isGrpcServiceError } from '@temporalio/client';
import proto from '@temporalio/proto';
import { LOOPBACK } from './ports.ts';
import type { Environment, ProcessSpec } from './process.ts';

export const NAMESPACE = 'waybill';
/** A count of days that closed workflows stay visible; the namespace of the dev server's own keeps them for one. */
const RETENTION_DAYS = 30;

/** gRPC status `ALREADY_EXISTS`. */
const ALREADY_EXISTS = 6;

/**
 * Dynamic configuration of the dev server. Fairness between tenants needs fairness itself and single-partition queues,
 * because keys are only balanced within a partition.
 */
const DYNAMIC = [
  'matching.enableFairness=true',
  'matching.numTaskqueueReadPartitions=1',
  'matching.numTaskqueueWritePartitions=1',
];

export function temporalProcess(options: {
  readonly executable: string;
  /** SQLite file of its state. */
  readonly database: string;
  readonly port: number;
  readonly uiPort: number;
  readonly environment: Environment;
}): ProcessSpec {
  const { executable, database, port, uiPort, environment } = options;
  return {
    name: 'temporal',
    command: executable,
    arguments: [
      ...['server', 'start-dev', '--db-filename', database, '--ip', LOOPBACK, '--port', String(port)],
      ...['--ui-port', String(uiPort), '--ui-disable-news-fetch', '--log-level', 'warn'],
      ...DYNAMIC.flatMap((value) => ['--dynamic-config-value', value]),
    ],
    environment,
    identity: undefined,
    stopSignal: 'SIGTERM',
    graceMs: 10_000,
    readyMs: 60_000,
    ready: () => prepareNamespace(`${LOOPBACK}:${port}`),
    retryWhen: undefined,
  };
}

/** Makes the namespace when it is missing. @returns whether it can be used already; rejects while the server is not up */
async function prepareNamespace(address: string): Promise<boolean> {
  const connection = await Connection.connect({ address, connectTimeout: '2s' });
  try {
    const { workflowService } = connection;
    await workflowService
      .registerNamespace({
        namespace: NAMESPACE,
        workflowExecutionRetentionPeriod: proto.google.protobuf.Duration.fromObject({
          seconds: RETENTION_DAYS * 86_400,
        }),
      })
      .catch((error: unknown) => {
        if (!isGrpcServiceError(error) || error.code !== ALREADY_EXISTS) throw error;
      });
    // Fails until every service of the server has heard of the namespace.
    await workflowService.listWorkflowExecutions({ namespace: NAMESPACE, pageSize: 1 });
    return true;
  } finally {
    await connection.close();
  }
}
