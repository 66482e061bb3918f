import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createLogger } from '../../config/logger.ts';
import { readSettings } from '../../config/settings.ts';
import { temporalTarget } from '../../config/temporal.ts';
import { temporalLogger } from '../../worker/logger.ts';
import { EMPTY_QUEUE, type EmptySteps } from './workflow.ts';

const steps: EmptySteps = { async first() {}, async second() {} };

/** A worker for the empty workflow, with the settings of Waybill's worker. Answers on its health port once it runs. */
async function main(): Promise<void> {
  const settings = readSettings(process.env);
  Runtime.install({ logger: temporalLogger(createLogger('empty', settings.WAYBILL_LOG_LEVEL)) });
  const target = temporalTarget(settings, process.env);
  const connection = await NativeConnection.connect(target.connection);
  const worker = await Worker.create({
    connection,
    namespace: target.namespace,
    taskQueue: EMPTY_QUEUE,
    workflowsPath: fileURLToPath(import.meta.resolve('./workflow.ts')),
    activities: steps,
    // As in worker/workers.ts.
    maxConcurrentActivityTaskExecutions: 100,
    maxHeartbeatThrottleInterval: '1 second',
    defaultHeartbeatThrottleInterval: '1 second',
  });
  const health = createServer((_, response) => response.writeHead(worker.getState() === 'RUNNING' ? 200 : 503).end());
  health.listen(settings.WAYBILL_WORKER_HEALTH_PORT, '127.0.0.1');
  await worker.run();
  health.close();
  await connection.close();
}

await main();
