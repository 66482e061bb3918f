import { workflowInfo } from '@temporalio/workflow';
import { objectStem } from '../contracts/attempts.ts';
import { fileExtension, type RunOrder } from '../contracts/order.ts';
import type { RunPlan, WrittenPart } from '../contracts/steps.ts';
import { showDetails } from './details.ts';
import { unwrap } from './failures.ts';
import { noteAttempted, noteWritten, type Run } from './run.ts';

/** @returns the order with the tables of the archive, if it is one */
export async function describe({ identity, input, steps }: Run, order: RunOrder): Promise<RunOrder> {
  if (!('order' in input) || !('questionnaire' in input.order)) return order;
  return { ...order, ...unwrap(await steps.describeArchive({ ...identity, order: input.order })) };
}

/** Writes all files as one archive. */
export async function writeArchive(
  run: Run,
  order: RunOrder,
  { name, type }: NonNullable<RunOrder['archive']>,
  plan: RunPlan,
  round: number,
): Promise<WrittenPart> {
  const { identity, steps, details } = run;
  const format = 'zip';
  const extension = fileExtension({ format, compression: 'none', recipients: order.recipients });
  const object = { stem: objectStem('archive', 0, workflowInfo().runId, round), extension };
  noteAttempted(run, object);
  const summary = `${name}: ${order.files.length} tables as ${type}`;
  const { part, ...written } = unwrap(
    await steps.archive.executeWithOptions({ summary }, [{ ...identity, order, plan, round }]),
  );
  noteWritten(run, object, part.name);
  const done = { ...written, name, format, index: 0, part } as const;
  details.parts.push(done);
  showDetails(details);
  return done;
}
