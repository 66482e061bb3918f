import { pino } from 'pino';
import { expect, test } from 'vitest';
import { handOver } from '../../activities/handover.ts';
import type { Bundle } from '../../config/dataset.ts';
import { WaybillError } from '../../contracts/failures.ts';
import type { Handover } from '../../contracts/handover.ts';
import type { StepResult } from '../../contracts/steps.ts';
import { createMemoryObjects } from '../../test/memory-objects.ts';
import { createQuestionnaireList } from './list.ts';

const VERSION = { questionnaire: '74e2d30854914e24af6beae9be64130c', version: 1 };
const FOUND = { ...VERSION, variable: 'household', title: 'Household survey', importedAt: null };

/** A list, a worker that can be told how to answer, and what lets time pass. */
function newList() {
  const objects = createMemoryObjects();
  const worker: { answers: 'always' | 'never' | 'by failing'; has: readonly unknown[]; asked: number } = {
    ...{ answers: 'always', has: [FOUND], asked: 0 },
  };
  let now = Date.UTC(2026, 0, 1);
  const temporal = {
    async listQuestionnaires(handover: Handover): Promise<StepResult<null>> {
      worker.asked += 1;
      if (worker.answers === 'never') return new Promise(() => undefined);
      if (worker.answers === 'by failing') throw new WaybillError('warehouse_unavailable');
      await handOver(objects, handover, worker.has);
      return { ok: true, value: null };
    },
  };
  const deps = { objects, temporal, clock: { now: () => new Date(now) }, stopping: new AbortController().signal };
  const list = createQuestionnaireList({ ...deps, logger: pino({ level: 'silent' }) }, {
    name: 'questionnaires',
  } as Bundle);
  return {
    list,
    worker,
    pass: (seconds: number) => {
      now += seconds * 1000;
    },
  };
}

test.each(['never', 'by failing'] as const)('a known version is found while a worker answers %s', async (answers) => {
  const { list, worker, pass } = newList();
  expect(await list.find('acme', VERSION)).toEqual(FOUND);
  worker.answers = answers;
  pass(60);
  expect(await list.find('acme', VERSION)).toEqual(FOUND);
  expect(worker.asked).toBe(2);
});

test('an unknown version is not found because a worker fails', async () => {
  const { list, worker } = newList();
  worker.answers = 'by failing';
  await expect(list.find('acme', VERSION)).rejects.toThrow(WaybillError);
});

test('a version that is gone is no longer found once a worker says so', async () => {
  const { list, worker, pass } = newList();
  expect(await list.find('acme', VERSION)).toEqual(FOUND);
  worker.has = [];
  pass(60);
  expect(await list.find('acme', VERSION)).toBeUndefined();
});
