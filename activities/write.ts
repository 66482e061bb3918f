import { setTimeout as delay } from 'node:timers/promises';
import { activityInfo, CancelledFailure } from '@temporalio/activity';
import { objectStem } from '../contracts/attempts.ts';
import { runPrefix } from '../contracts/keys.ts';
import type { ManifestPart } from '../contracts/manifest.ts';
import { fileExtension } from '../contracts/order.ts';
import type { PartHeartbeat } from '../contracts/progress.ts';
import type { StepResult, WriteInput, WriteTask } from '../contracts/steps.ts';
import type { Objects } from '../stores/objects/objects.ts';
import type { Ports } from './ports.ts';
import { runStep } from './step.ts';
import { createWriteObject, type ObjectTask, type WritePorts } from './write-object.ts';

/** How long an attempt may take to remove its own objects; after that the clean-up of the run does. Milliseconds. */
const DISCARD_MS = 10_000;

interface StepPorts extends WritePorts, Pick<Ports, 'attempts' | 'turns' | 'logger'> {
  readonly objects: WritePorts['objects'] & Pick<Objects, 'remove'>;
}

/**
 * Writes objects one after the other, with heartbeats. An attempt that fails, is cancelled, or is no longer valid when it is
 * done leaves none of its objects behind.
 */
export function createWrite(ports: StepPorts) {
  const { objects, attempts, turns, logger } = ports;
  const writeObject = createWriteObject(ports);

  /** @throws CancelledFailure if Temporal would refuse the result of this attempt */
  async function confirm(startedAt: number, details: unknown): Promise<void> {
    const { taskToken, heartbeatTimeoutMs } = activityInfo();
    // Within the heartbeat timeout the attempt is always valid. Measured by the wall clock, which goes on while the process is
    // frozen.
    if (heartbeatTimeoutMs === undefined || Date.now() - startedAt < heartbeatTimeoutMs) return;
    if ((await attempts.find(taskToken, details)) === 'over') {
      throw new CancelledFailure('The attempt no longer counts');
    }
  }

  async function discard(keys: readonly string[]): Promise<void> {
    try {
      await objects.abortUploadsOf(keys);
      await objects.remove(keys);
    } catch (error) {
      logger.warn({ err: error }, 'objects of a failed attempt are left to the clean-up of the run');
    }
  }

  return async function write(input: WriteInput): Promise<StepResult<readonly ManifestPart[]>> {
    const startedAt = Date.now();
    const keys: string[] = [];
    let details: (() => PartHeartbeat) | undefined;
    const subject: { tenant: string; dataset?: string } = { tenant: input.tenant };
    const begin = (key: string, heartbeat: () => PartHeartbeat) => {
      keys.push(key);
      details = heartbeat;
    };
    const attempt = async (signal: AbortSignal) => {
      try {
        const parts: ManifestPart[] = [];
        for (const task of input.tasks) {
          subject.dataset = task.content.dataset;
          parts.push(await writeObject(objectTask(input, task), signal, begin));
        }
        await confirm(startedAt, details?.());
        signal.throwIfAborted();
        return parts;
      } catch (error) {
        await Promise.race([discard(keys), delay(DISCARD_MS, undefined, { ref: false })]);
        throw error;
      }
    };
    return runStep(
      logger,
      subject,
      (signal) => turns.write.take(signal, () => attempt(signal)),
      () => details?.(),
    );
  };
}

function objectTask(input: WriteInput, { name, content, part }: WriteTask): ObjectTask {
  const { tenant, warehouseKey = tenant, recipients, snapshotAt, round, runId } = input;
  const order = { ...content, tenant: warehouseKey, recipients };
  const executionId = activityInfo().workflowExecution?.runId ?? runId;
  const object = { stem: objectStem(name, part.index, executionId, round), extension: fileExtension(order) };
  return { order, part, snapshotAt, prefix: runPrefix(input), object };
}
