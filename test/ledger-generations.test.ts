import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Ledger } from '../stores/ledger/ledger.ts';
import { GENERATION_STATES, type GenerationState } from '../stores/ledger/periodic.ts';
import {
  addEnabled,
  addPublished,
  BROKEN,
  begin,
  CANCEL,
  cancel,
  enable,
  FIGURES,
  fail,
  publish,
  published,
  runOf,
} from './ledger-periodic-set-up.ts';
import { addTenant, type StartedLedger, startLedger } from './ledger-set-up.ts';

let started: StartedLedger;
let ledger: Ledger;

beforeAll(async () => {
  started = await startLedger();
  ledger = started.ledger;
});

afterAll(() => started?.stop());

describe('a generation', () => {
  test('begins under the settings of the moment, once', async () => {
    const tenant = await addEnabled(ledger);
    const run = runOf(tenant);
    const answers = await Promise.all([1, 2, 3].map(() => ledger.beginGeneration(run)));
    for (const answer of answers) expect(answer).toEqual(await ledger.findPeriodic(tenant));
    expect(await ledger.listGenerations(tenant, 9)).toEqual([
      {
        ...run,
        epoch: 1,
        state: 'running',
        endedAt: null,
        snapshotAt: null,
        files: null,
        rows: null,
        bytes: null,
        manifestSha256: null,
        failure: null,
      },
    ]);
  });

  test.each(['never', 'off', 'deleted', 'tenant disabled', 'tenant unknown'])('does not begin: %s', async (how) => {
    const tenant = how === 'tenant unknown' ? `t-${randomUUID()}` : await addTenant(ledger);
    if (how !== 'never') await enable(ledger, tenant);
    if (how === 'off') await ledger.disablePeriodic(tenant, null, 'a-client');
    if (how === 'deleted') await ledger.deletePeriodic(tenant, null, 'a-client');
    if (how === 'tenant disabled') await ledger.disableTenant(tenant);
    expect(await ledger.beginGeneration(runOf(tenant))).toBeUndefined();
    expect(await ledger.listGenerations(tenant, 9)).toEqual([]);
  });

  test('whose first answer was lost does not begin under settings of another epoch, and is ended', async () => {
    const tenant = await addEnabled(ledger);
    const run = runOf(tenant);
    await ledger.beginGeneration(run);
    const { outdated } = await ledger.rotatePeriodic({ tenant, recipient: 'age1', ownRecipient: true, actor: 'a' });
    expect(outdated).toMatchObject([{ generationId: run.generationId }]);
    expect(await ledger.beginGeneration(run)).toBeUndefined();
    expect(await ledger.findGeneration(run.generationId)).toMatchObject({
      state: 'cancelled',
      failure: { code: 'replaced' },
    });
    expect(await ledger.listDueNotices(tenant)).toEqual([]);
  });

  test('is published whole, in place of the one before, and says so again when asked again', async () => {
    const tenant = await addEnabled(ledger);
    const first = await addPublished(ledger, tenant);
    const second = await begin(ledger, tenant);
    const settings = await ledger.findPeriodic(tenant);
    expect(await publish(ledger, tenant, second)).toEqual({ previous: first });
    expect(await ledger.findPeriodic(tenant)).toEqual({ ...settings, generationId: second });
    expect(await ledger.findGeneration(second)).toMatchObject({
      ...FIGURES,
      state: 'published',
      epoch: 1,
      endedAt: expect.any(Date),
    });
    expect(await ledger.findGeneration(first)).toMatchObject({ ...FIGURES, state: 'superseded' });
    expect(await publish(ledger, tenant, second)).toEqual({ previous: first });

    await addPublished(ledger, tenant);
    expect(await publish(ledger, tenant, second)).toEqual({ previous: first });
    await ledger.recordGenerationRemoval(second);
    expect(await publish(ledger, tenant, second)).toEqual({ previous: first });
    const lines = (await ledger.listAudit(tenant, 99)).filter(({ exportId }) => exportId === second);
    const { files, rows, bytes } = FIGURES;
    expect(lines).toMatchObject([{ actor: 'waybill', action: 'periodic.published', detail: { files, rows, bytes } }]);
  });

  test.each(['off', 'rotated', 'deleted', 'enabled anew', 'never begun', 'failed', 'of another tenant'])(
    'is not published: %s',
    async (how) => {
      const tenant = await addEnabled(ledger);
      const before = await addPublished(ledger, tenant);
      const generationId = how === 'never begun' ? randomUUID() : await begin(ledger, tenant);
      if (how === 'off') await ledger.disablePeriodic(tenant, null, 'a');
      if (how === 'rotated') await ledger.rotatePeriodic({ tenant, recipient: 'age1', ownRecipient: true, actor: 'a' });
      if (how === 'deleted' || how === 'enabled anew') await ledger.deletePeriodic(tenant, null, 'a');
      if (how === 'enabled anew') await enable(ledger, tenant);
      if (how === 'failed') await fail(ledger, generationId);
      const by = how === 'of another tenant' ? await addEnabled(ledger) : tenant;
      const [settings, generations] = [await ledger.findPeriodic(by), await ledger.listGenerations(by, 9)];
      for (const epoch of [1, settings?.epoch ?? 0]) {
        expect(await ledger.publishGeneration(published(by, generationId, epoch))).toEqual({ refused: true });
      }
      expect(await ledger.findPeriodic(by)).toEqual(settings);
      expect(await ledger.listGenerations(by, 9)).toEqual(generations);
      if (how === 'off' || how === 'failed') expect(settings?.generationId).toBe(before);
    },
  );

  const steps = {
    publish: (tenant: string, id: string) => publish(ledger, tenant, id),
    supersede: (tenant: string) => addPublished(ledger, tenant),
    fail: (_: string, id: string) => fail(ledger, id),
    cancel: (_: string, id: string) => cancel(ledger, id),
    remove: (_: string, id: string) => ledger.recordGenerationRemoval(id),
  };
  type Step = keyof typeof steps;

  const reach: Record<GenerationState, readonly Step[]> = {
    running: [],
    published: ['publish'],
    superseded: ['publish', 'supersede'],
    failed: ['fail'],
    cancelled: ['cancel'],
    removed: ['publish', 'supersede', 'remove'],
  };
  const moves: Record<GenerationState, Partial<Record<Step, GenerationState>>> = {
    running: { publish: 'published', fail: 'failed', cancel: 'cancelled' },
    published: { supersede: 'superseded' },
    superseded: { remove: 'removed' },
    failed: {},
    cancelled: {},
    removed: {},
  };
  const table = GENERATION_STATES.flatMap((from) =>
    (Object.keys(steps) as Step[]).map((step) => ({ from, step, to: moves[from][step] ?? from })),
  );

  test.each(table)('that is $from, on $step, is $to', async ({ from, step, to }) => {
    const tenant = await addEnabled(ledger);
    const id = await begin(ledger, tenant);
    for (const before of reach[from]) await steps[before](tenant, id);
    const earlier = await ledger.findGeneration(id);
    expect(earlier?.state).toBe(from);
    await steps[step](tenant, id);
    const later = await ledger.findGeneration(id);
    expect(later?.state).toBe(to);
    if (from === to) expect(later).toEqual(earlier);
  });

  test.each([
    [fail, 'failed', 'periodic.failed', BROKEN],
    [cancel, 'cancelled', 'periodic.cancelled', CANCEL],
  ] as const)('ends once, with its cause and one line in the trail', async (end, state, action, failure) => {
    const tenant = await addEnabled(ledger);
    const id = await begin(ledger, tenant);
    await Promise.all([end(ledger, id), end(ledger, id)]);
    expect(await ledger.findGeneration(id)).toMatchObject({ state, failure, endedAt: expect.any(Date) });
    const lines = (await ledger.listAudit(tenant, 99)).filter(({ exportId }) => exportId === id);
    expect(lines).toMatchObject([{ actor: 'waybill', action, detail: { ...failure } }]);
  });

  test.each(['', 'x', "'; drop table generations; --", '\0', randomUUID()])('is not found under %j', async (id) => {
    expect(await ledger.findGeneration(id)).toBeUndefined();
    expect(await ledger.listDueNotices(id)).toEqual([]);
    await ledger.recordGenerationRemoval(id);
  });

  test('is listed newest first, as many as asked for', async () => {
    const tenant = await addEnabled(ledger);
    const runs = ['03', '01', '02'].map((day) => ({ ...runOf(tenant), startedAt: new Date(`2026-11-${day}`) }));
    for (const run of runs) await ledger.beginGeneration(run);
    const listed = (await ledger.listGenerations(tenant, 2)).map(({ startedAt }) => startedAt.getUTCDate());
    expect(listed).toEqual([3, 2]);
  });
});

describe('the schema', () => {
  test.each([
    "update generations set state = 'published' where generation_id = $1",
    "update generations set state = 'failed' where generation_id = $1",
    'update generations set ended_at = now() where generation_id = $1',
    'update generations set removed_at = now() where generation_id = $1',
    "update generations set state = 'done' where generation_id = $1",
    'update periodic_exports set recipient = null where tenant = (select tenant from generations where generation_id = $1)',
    "insert into notices (tenant, kind, generation_id, failing_since) values ('t', 'failed', $1, now())",
  ])('refuses what no transition makes: %s', async (statement) => {
    const id = await begin(ledger, await addEnabled(ledger));
    await expect(started.raw.query(statement, [id])).rejects.toThrow('check constraint');
  });

  test('serves each question about generations by an index', async () => {
    await started.raw.query('set enable_seqscan = off');
    const plan = async (text: string) =>
      (await started.raw.query<{ 'QUERY PLAN': string }>(`explain ${text}`)).rows
        .map((row) => row['QUERY PLAN'])
        .join('\n');
    const newest = "select * from generations where tenant = 'x' order by started_at desc, generation_id desc limit 9";
    expect(await plan(newest)).not.toContain('Sort');
    const owning = "select * from generations where tenant = 'x' and epoch < 3 and removed_at is null";
    expect(await plan(owning)).toMatch(/Index/);
    expect(
      await plan("update generations set state = 'superseded' where tenant = 'x' and state = 'published'"),
    ).toMatch(/Index/);
    await started.raw.query('reset enable_seqscan');
  });
});
