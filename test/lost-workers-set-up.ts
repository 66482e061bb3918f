import type { WorkflowHandle } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { expect, vi } from 'vitest';
import type { PartHeartbeat } from '../contracts/progress.ts';
import { LOOPBACK } from '../stack/ports.ts';
import { type OwnServices, startOwnServices, useStack } from './context.ts';
import { type Gate, openGate } from './gate.ts';
import { openTemporal, type TemporalEye } from './temporal.ts';

/** Services whose one worker can be frozen, and cut off from the object store and from Temporal. */
export interface LosableServices extends OwnServices {
  readonly objects: Gate;
  readonly temporal: Gate;
  readonly eye: TemporalEye;
}

export async function startLosable(settings: Readonly<Record<string, string>>): Promise<LosableServices> {
  const { ports } = useStack();
  const [objects, temporal] = [await openGate(ports.objects), await openGate(ports.temporal)];
  const services = await startOwnServices(settings, {
    WAYBILL_OBJECTS_URL: `http://${LOOPBACK}:${objects.port}`,
    WAYBILL_TEMPORAL_ADDRESS: `${LOOPBACK}:${temporal.port}`,
  });
  const eye = await openTemporal(services.settings);
  return {
    ...services,
    objects,
    temporal,
    eye,
    async stop() {
      await services.worker.kill('SIGKILL');
      await eye.close();
      await services.stop();
      await objects.close();
      await temporal.close();
    },
  };
}

async function findRun({ client }: TemporalEye, runId: string): Promise<WorkflowHandle> {
  // Temporal lists a run a moment after it has begun.
  const { workflowId } = await vi.waitFor(
    async () => {
      const [execution] = await Array.fromAsync(client.workflow.list({ query: `RunId = '${runId}'` }));
      if (!execution) throw new Error(`no run ${runId}`);
      return execution;
    },
    { timeout: 30_000, interval: 100 },
  );
  return client.workflow.getHandle(workflowId, runId);
}

/** Waits until so many steps of a run have begun a multipart upload. @returns the keys of their objects */
export async function keysUploading(eye: TemporalEye, runId: string, steps: number): Promise<readonly string[]> {
  const handle = await findRun(eye, runId);
  let keys: readonly string[] = [];
  const uploading = async () => {
    const { raw } = await handle.describe();
    keys = (raw.pendingActivities ?? []).flatMap(({ heartbeatDetails }) => {
      const [payload] = heartbeatDetails?.payloads ?? [];
      const heartbeat = payload && defaultPayloadConverter.fromPayload<PartHeartbeat>(payload);
      return heartbeat?.uploadId ? [heartbeat.key] : [];
    });
    return keys.length;
  };
  await expect.poll(uploading, { timeout: 60_000 }).toBeGreaterThanOrEqual(steps);
  return keys;
}

/** Cancels a run. @returns once one of its steps has been asked to let go */
export async function cancelStep(eye: TemporalEye, runId: string): Promise<void> {
  const handle = await findRun(eye, runId);
  await handle.cancel();
  const isAsked = async () => {
    const { events } = await handle.fetchHistory();
    return events?.some((event) => event.activityTaskCancelRequestedEventAttributes);
  };
  await expect.poll(isAsked, { timeout: 60_000 }).toBe(true);
}
