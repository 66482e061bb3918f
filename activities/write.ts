import { activityInfo } from '@temporalio/activity';
import { objectStem } from '../contracts/attempts.ts';
import { runPrefix } from '../contracts/keys.ts';
import type { ManifestPart } from '../contracts/manifest.ts';
import { fileExtension } from '../contracts/order.ts';
import type { StepResult, WriteInput, WriteTask } from '../contracts/steps.ts';
import type { Ports } from './ports.ts';
import { type AttemptPorts, createWriteAttempt } from './write-attempt.ts';
import { createWriteObject, type ObjectTask, type WritePorts } from './write-object.ts';

type StepPorts = WritePorts & AttemptPorts & Pick<Ports, 'turns'>;

/** Writes objects one after the other, each when its turn comes. */
export function createWrite(ports: StepPorts) {
  const writeAttempt = createWriteAttempt(ports);
  const writeObject = createWriteObject(ports);

  return async function write(input: WriteInput): Promise<StepResult<readonly ManifestPart[]>> {
    const subject: { tenant: string; dataset?: string } = { tenant: input.tenant };
    return writeAttempt(subject, async (signal, begin) => {
      const parts: ManifestPart[] = [];
      for (const task of input.tasks) {
        subject.dataset = task.content.dataset;
        const object = objectTask(input, task);
        parts.push(await ports.turns.take(signal, () => writeObject(object, signal, begin)));
      }
      return parts;
    });
  };
}

function objectTask(input: WriteInput, { name, content, part }: WriteTask): ObjectTask {
  const { tenant, warehouseKey = tenant, recipients, snapshotAt, round, runId } = input;
  const order = { ...content, tenant: warehouseKey, recipients };
  const executionId = activityInfo().workflowExecution?.runId ?? runId;
  const object = { stem: objectStem(name, part.index, executionId, round), extension: fileExtension(order) };
  return { order, part, snapshotAt, prefix: runPrefix(input), object };
}
