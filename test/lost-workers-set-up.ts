import type { WorkflowHandle } from '@temporalio/client';
import { defaultPayloadConverter } from '@temporalio/common';
import { expect, vi } from 'vitest';
import type { PartHeartbeat } from '../contracts/progress.ts';
import { closeAtEnd } from './cleanup.ts';
import { type OwnServices, startOwnServices, useStack } from './context.ts';
import { type Gate, openGate } from './gate.ts';
import { openTemporal, type TemporalAccess } from './temporal.ts';

/** Services whose one worker can be frozen, and cut off from the object store and from Temporal. */
export interface LosableServices extends OwnServices {
  readonly objects: Gate;
  readonly temporalGate: Gate;
  readonly temporal: TemporalAccess;
}

/** They are stopped at the end, the worker by force, because it may be frozen. */
export async function startLosable(settings: Readonly<Record<string, string>>): Promise<LosableServices> {
  const { ports } = useStack();
  const [objects, temporalGate] = await Promise.all([openGate(ports.objects), openGate(ports.temporal)]);
  const services = await startOwnServices(settings, {
    WAYBILL_OBJECTS_URL: `http://${objects.address}`,
    WAYBILL_TEMPORAL_ADDRESS: temporalGate.address,
  });
  const stop = closeAtEnd(async () => {
    await services.worker.kill('SIGKILL');
    await services.stop();
  });
  return { ...services, objects, temporalGate, temporal: await openTemporal(services.settings), stop };
}

async function findRun({ client }: TemporalAccess, runId: string): Promise<WorkflowHandle> {
  // Temporal lists a run some time after its start.
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

/** Waits until this many steps of a run have begun a multipart upload. @returns the keys of their objects */
export async function keysUploading(
  temporal: TemporalAccess,
  runId: string,
  steps: number,
): Promise<readonly string[]> {
  const handle = await findRun(temporal, runId);
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

/** Cancels a run. @returns once the cancellation of one of its steps has been requested */
export async function cancelStep(temporal: TemporalAccess, runId: string): Promise<void> {
  const handle = await findRun(temporal, runId);
  await handle.cancel();
  const isRequested = async () => {
    const { events } = await handle.fetchHistory();
    return events?.some((event) => event.activityTaskCancelRequestedEventAttributes);
  };
  await expect.poll(isRequested, { timeout: 60_000 }).toBe(true);
}
