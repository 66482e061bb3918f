import { setTimeout as delay } from 'node:timers/promises';
import { activityInfo, CancelledFailure } from '@temporalio/activity';
import type { PartHeartbeat } from '../contracts/progress.ts';
import type { Settled } from '../contracts/settled.ts';
import type { Objects } from '../stores/objects/objects.ts';
import type { Ports } from './ports.ts';
import { runStep } from './step.ts';
import { createWriteObject, type ObjectTask, type ObjectWritten, type WritePorts } from './write-object.ts';

/** Milliseconds that removing one's own objects may take; after that it is left to the clean-up of the run. */
const DISCARD_MS = 10_000;

/**
 * Runs one attempt at a step that writes objects, with its heartbeats. An attempt that fails, is cancelled, or no longer
 * counts by the time it is done leaves none of its objects behind.
 */
export type WriteStep = <Value>(
  work: (write: (task: ObjectTask) => Promise<ObjectWritten>) => Promise<Value>,
) => Promise<Settled<Value>>;

interface StepPorts extends WritePorts, Pick<Ports, 'attempts' | 'logger'> {
  readonly objects: WritePorts['objects'] & Pick<Objects, 'remove'>;
}

export function createWriteStep(ports: StepPorts): WriteStep {
  const { objects, attempts, logger } = ports;
  const writeObject = createWriteObject(ports);

  /** @throws CancelledFailure when Temporal would refuse what this attempt has to say */
  async function confirm(startedAt: number, details: unknown): Promise<void> {
    const { taskToken, heartbeatTimeoutMs } = activityInfo();
    // Within the heartbeat timeout nobody can have given it up. Counted by the clock on the wall, which goes on while the
    // process is frozen.
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

  return async function writeStep(work) {
    const startedAt = Date.now();
    const keys: string[] = [];
    let details: (() => PartHeartbeat) | undefined;
    const attempt = async (signal: AbortSignal) => {
      try {
        const value = await work((task) =>
          writeObject(task, signal, (key, heartbeat) => {
            keys.push(key);
            details = heartbeat;
          }),
        );
        await confirm(startedAt, details?.());
        signal.throwIfAborted();
        return value;
      } catch (error) {
        await Promise.race([discard(keys), delay(DISCARD_MS, undefined, { ref: false })]);
        throw error;
      }
    };
    return runStep(logger, attempt, () => details?.());
  };
}
