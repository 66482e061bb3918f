import { setTimeout as delay } from 'node:timers/promises';
import { activityInfo, CancelledFailure } from '@temporalio/activity';
import type { PartHeartbeat } from '../contracts/progress.ts';
import type { StepResult } from '../contracts/steps.ts';
import type { Objects } from '../stores/objects/objects.ts';
import type { Ports } from './ports.ts';
import { runStep, type StepSubject } from './step.ts';

/** How long an attempt may take to remove its own objects; after that the clean-up of the run does. Milliseconds. */
const DISCARD_MS = 10_000;

export interface AttemptPorts extends Pick<Ports, 'attempts' | 'logger'> {
  readonly objects: Pick<Objects, 'remove' | 'abortUploadsOf'>;
}

/** Called before anything is stored, with the key and the details of heartbeats from then on. */
export type BeginObject = (key: string, heartbeat: () => PartHeartbeat) => void;

/** An attempt that writes objects. @param subject read when the step fails */
export type WriteAttempt = <Value>(
  subject: StepSubject,
  write: (signal: AbortSignal, begin: BeginObject) => Promise<Value>,
) => Promise<StepResult<Value>>;

/**
 * Runs steps that write, with heartbeats. An attempt that fails, is cancelled, or is no longer valid when it is done leaves none of
 * its objects behind.
 */
export function createWriteAttempt({ objects, attempts, logger }: AttemptPorts): WriteAttempt {
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

  return async function writeAttempt<Value>(
    subject: StepSubject,
    write: (signal: AbortSignal, begin: BeginObject) => Promise<Value>,
  ): Promise<StepResult<Value>> {
    const startedAt = Date.now();
    const keys: string[] = [];
    let details: (() => PartHeartbeat) | undefined;
    const begin: BeginObject = (key, heartbeat) => {
      keys.push(key);
      details = heartbeat;
    };
    async function attempt(signal: AbortSignal): Promise<Value> {
      try {
        const written = await write(signal, begin);
        await confirm(startedAt, details?.());
        signal.throwIfAborted();
        return written;
      } catch (error) {
        await Promise.race([discard(keys), delay(DISCARD_MS, undefined, { ref: false })]);
        throw error;
      }
    }
    return runStep(logger, subject, attempt, () => details?.());
  };
}
