import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MockActivityEnvironment } from '@temporalio/testing';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { loadCatalog } from '../config/catalog.ts';
import type { RunOrder } from '../contracts/order.ts';
import type { ArchiveOrder } from '../contracts/questionnaires.ts';
import type { StepResult } from '../contracts/steps.ts';
import type { Ledger } from '../stores/ledger/ports.ts';
import { scratchDirectory, useWarehouse } from '../stores/warehouse/warehouse-fixture.ts';
import { readZip } from '../test/archive.ts';
import { createMemoryObjects } from '../test/memory-objects.ts';
import { GUID, SURVEY_CATALOG, surveySql } from '../test/questionnaires-set-up.ts';
import { createArchive } from './archive.ts';
import { createDescribeArchive } from './describe-archive.ts';
import { createPlan } from './plan.ts';
import { createTurns } from './turns.ts';

const { warehouse } = await useWarehouse(surveySql(70, 3));

const ORDER: ArchiveOrder = {
  ...{ tenant: 'acme', bundle: 'questionnaires', questionnaire: GUID, version: 1, type: 'tabular' },
  ...{ status: null, from: null, to: null, recipients: [] },
};
const RUN = { runId: 'e1', workflowId: 'w', kind: 'questionnaire', tenant: 'acme' } as const;

async function ports() {
  const path = join(scratchDirectory(), 'catalog.yaml');
  await writeFile(path, SURVEY_CATALOG);
  return {
    catalog: await loadCatalog(path),
    warehouse,
    ledger: { tenants: { find: async () => ({ warehouseKey: null }) } } as unknown as Ledger,
    turns: { plan: createTurns({ places: 1 }), write: createTurns({ places: 1 }) },
    objects: createMemoryObjects(),
    attachments: null,
    attempts: { find: async () => 'counts' as const },
    partRows: 1000,
    logger: pino({ level: 'silent' }),
  };
}

/** Describes, plans and writes an archive. */
async function makeArchive(
  order: Partial<ArchiveOrder> = {},
  prepare = (_objects: Awaited<ReturnType<typeof ports>>['objects']) => {},
) {
  const all = await ports();
  prepare(all.objects);
  /** Runs the first attempt at a step. */
  async function first<Input, Value>(step: (input: Input) => Promise<StepResult<Value>>, input: Input): Promise<Value> {
    const result: StepResult<Value> = await new MockActivityEnvironment({ attempt: 1 }).run(step, input);
    if (result.ok) return result.value;
    throw new Error(JSON.stringify(result.failure));
  }
  const archiveOrder = { ...ORDER, ...order };
  const described = await first(createDescribeArchive(all), { ...RUN, order: archiveOrder });
  const run: RunOrder = {
    ...{ tenant: 'acme', subject: 'questionnaires', recipients: archiveOrder.recipients, roundsMax: 1 },
    ...{ retention: { replaceAfterSeconds: 1 }, ...described },
  };
  const plan = await first(createPlan(all), { ...RUN, order: run });
  const written = await first(createArchive(all), { ...RUN, order: run, plan, round: 1 });
  const stored = all.objects.stored.get(`questionnaire/acme/e1/${written.part.name}`);
  return { run, plan, written, stored: Buffer.from(stored ?? []) };
}

it('has one entry a table, its do-files, and a readme', async () => {
  const { written, stored, plan } = await makeArchive();
  const entries = await readZip(stored);
  const tables = ['household', 'members', 'assignment__actions'];
  expect([...entries.keys()]).toEqual([
    ...tables.flatMap((name) => [`${name}.tab`, `${name}.do`, `${name}-import.do`]),
    'export__readme.txt',
  ]);
  expect(written.part).toMatchObject({ rows: 70 + 210 + 20, bytes: stored.length });
  expect(plan.files.map(({ rows }) => rows)).toEqual([70, 210, 20]);
});
