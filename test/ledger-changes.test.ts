import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { periodOf } from '../activities/period.ts';
import { instantFromDate } from '../contracts/instant.ts';
import { dayOf } from '../contracts/keys.ts';
import type { Frequency } from '../contracts/recurrence.ts';
import { RECURRING } from '../contracts/recurring.ts';
import type { AskedRun } from '../contracts/steps.ts';
import type { Run, RunFile } from '../stores/ledger/ports.ts';
import { addTenant, FAILED, TOTALS, useLedger } from './ledger-set-up.ts';

const { ledger } = await useLedger();

const { kind } = RECURRING;
const ENTITIES = ['user', 'site', 'feed'] as const;
const ZONES = [
  'Europe/Amsterdam',
  'America/St_Johns',
  'Australia/Lord_Howe',
  'Pacific/Kiritimati',
  'Pacific/Niue',
] as const;
const FREQUENCIES = ['daily', 'weekly', 'monthly'] as const;
const DEPLOYMENT = { runTime: { at: '02:15', timeZone: 'UTC' } };
const HOUR_MS = 3_600_000;
/** Rows are committed up to this long after the time that they carry. */
const SETTLING_MS = 300_000;
/** Before the clocks of every zone change, in spring or in autumn. */
const STARTS = ['2026-03-05T00:00:00Z', '2026-10-20T00:00:00Z'].map((text) => Date.parse(text));

interface Change {
  readonly entity: string;
  readonly key: number;
  readonly at: number;
  /** When it is committed. */
  readonly seen: number;
}

/** A tenant, its source, and the consumer's copy of what has been delivered: files by day, then entity. */
async function startWorld(start: number) {
  const tenant = await addTenant(ledger);
  const changes: Change[] = [];
  const days = new Map<string, ReadonlyMap<string, { readonly file: RunFile; readonly rows: readonly Change[] }>>();
  const world = { tenant, now: start, registered: new Set<string>(), frequency: 'daily' as Frequency, zone: 'UTC' };

  function read(entity: string, at: number): readonly Change[] {
    const latest = new Map<number, Change>();
    for (const change of changes) {
      if (change.entity !== entity || change.seen > at) continue;
      const known = latest.get(change.key);
      if (!known || known.at <= change.at) latest.set(change.key, change);
    }
    return [...latest.values()];
  }

  async function register(): Promise<void> {
    const recurrence = { frequency: world.frequency, at: null, timeZone: world.zone };
    const datasets = [...world.registered];
    await ledger.registrations.register({ tenant, kind, datasets, recurrence, startsFrom: null, actor: 'a-client' });
  }

  function begin(runId: string, asked: AskedRun | undefined) {
    const startedAt = new Date(world.now);
    return ledger.runs.begin({
      ...{ runId, workflowId: `w-${runId}`, tenant, kind, subject: 'recurring', startedAt },
      changes: {
        period: (order) => periodOf(RECURRING, order, DEPLOYMENT, { asked, startedAt }),
        columns: () => [{ name: 'id', type: 'integer' }],
        needsBase: () => true,
      },
    });
  }

  /** @param fails entities that fail */
  async function run(asked: AskedRun | undefined, fails: ReadonlySet<string>, isLost: boolean): Promise<void> {
    const runId = randomUUID();
    const begun = await begin(runId, asked);
    // A retry exports the same.
    expect(await begin(runId, asked)).toEqual(begun);
    if (begun.outcome !== 'begun' || !begun.changes) return;
    expect(await begin(randomUUID(), undefined)).toMatchObject({ outcome: 'busy' });
    const { files, delivery } = begun.changes;
    const failing = new Set(files.map(({ dataset }) => dataset).filter((dataset) => fails.has(dataset)));
    const mayNotSkip = failing.size > 0 && (delivery.replaces.length > 0 || failing.size === files.length);
    if (isLost || mayNotSkip) {
      await ledger.runs.end(runId, FAILED);
      return;
    }
    const readAt = Math.max(world.now, ...files.map(({ windowTo }) => Date.parse(windowTo) + SETTLING_MS));
    const made = files.flatMap((file) => {
      if (failing.has(file.dataset)) return [];
      const from = file.windowFrom === null ? Number.NEGATIVE_INFINITY : Date.parse(file.windowFrom);
      const rows = read(file.dataset, readAt).filter(({ at }) => at >= from && at < Date.parse(file.windowTo));
      return [[file.dataset, { file, rows }] as const];
    });
    const committed = await ledger.runs.commit(runId, {
      ...TOTALS,
      retention: { replaceAfterSeconds: 60, expiresAt: new Date('2036-01-01') },
      missing: [...failing].map((dataset) => ({ dataset, failure: FAILED.failure })),
      datasetRows: Object.fromEntries(made.map(([dataset, { rows }]) => [dataset, rows.length])),
    });
    expect(committed).toBe(true);
    const known = days.get(delivery.day);
    // Nothing that the day had is lost.
    for (const entity of known?.keys() ?? []) expect(made.map(([dataset]) => dataset)).toContain(entity);
    days.set(delivery.day, new Map(made));
    world.now = readAt;
  }

  return { tenant, world, changes, days, read, register, run };
}
type World = Awaited<ReturnType<typeof startWorld>>;

/** Applies what has been delivered of an entity, and checks that nothing of a version comes twice and that windows tile. */
function consume({ days }: World, entity: string): ReadonlyMap<number, Change> {
  const copy = new Map<number, Change>();
  const versions = new Set<Change>();
  let end: string | null = null;
  for (const day of [...days.keys()].sort()) {
    const delivered = days.get(day)?.get(entity);
    if (!delivered) continue;
    const { file, rows } = delivered;
    if (file.complete) {
      copy.clear();
      versions.clear();
    } else expect(file.windowFrom).toBe(end);
    end = file.windowTo;
    for (const row of rows) {
      expect(versions.has(row), `version of ${row.key} twice`).toBe(false);
      versions.add(row);
      copy.set(row.key, row);
    }
  }
  return copy;
}

type Step = (on: World) => Promise<void>;

const some = fc.subarray([...ENTITIES]);
/** Hours: of an outage up to forty days. */
const pause = fc.oneof(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 960 }));

const change = fc
  .record({
    entity: fc.constantFrom(...ENTITIES),
    key: fc.integer({ min: 1, max: 5 }),
    back: fc.integer({ min: 0, max: HOUR_MS }),
    lag: fc.integer({ min: 0, max: SETTLING_MS }),
  })
  .map(
    ({ entity, key, back, lag }): Step =>
      async ({ changes, world }) => {
        // A change carries a time of the last hour at most, and is committed within the settling delay.
        const at = Math.max(world.now - Math.min(back, lag), (changes.at(-1)?.at ?? 0) + 1);
        changes.push({ entity, key, at, seen: at + lag });
        world.now = Math.max(world.now, at);
      },
  );
const wait = pause.map(
  (hours): Step =>
    async ({ world }) => {
      world.now += hours * HOUR_MS;
    },
);
const due = fc.record({ fails: some, isLost: fc.boolean() }).map(
  ({ fails, isLost }): Step =>
    (on) =>
      on.run(undefined, new Set(fails.slice(1)), isLost && fails.length > 1),
);
const asked = fc.constant<Step>((on) =>
  on.run({ until: new Date(on.world.now - SETTLING_MS).toISOString() }, new Set(), false),
);
const again = fc.nat().map(
  (pick): Step =>
    async (on) => {
      const days = [...on.days.keys()];
      const day = days[pick % Math.max(1, days.length)];
      if (day !== undefined) await on.run({ day }, new Set(), false);
    },
);
const fullLoad = some.map(
  (datasets): Step =>
    async ({ tenant }) => {
      if (datasets.length === 0) return;
      await ledger.registrations.requestFullLoad({ tenant, kind, datasets, actor: 'a-client' });
    },
);
const settings = fc
  .record({ entities: some, frequency: fc.constantFrom(...FREQUENCIES), zone: fc.constantFrom(...ZONES) })
  .map(
    ({ entities, frequency, zone }): Step =>
      async ({ world, register }) => {
        Object.assign(world, { registered: new Set(entities), frequency, zone });
        await register();
      },
  );

const history = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: change },
    { weight: 4, arbitrary: wait },
    { weight: 5, arbitrary: due },
    { weight: 1, arbitrary: asked },
    { weight: 1, arbitrary: again },
    { weight: 1, arbitrary: fullLoad },
    { weight: 1, arbitrary: settings },
  ),
  { minLength: 10, maxLength: 60 },
);

describe('windows of recurring exports', () => {
  test('tile, whatever happens: nothing is missing and nothing comes twice', { timeout: 300_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...STARTS), history, async (start, steps) => {
        const on = await startWorld(start);
        on.world.registered = new Set(ENTITIES);
        await on.register();
        for (const step of steps) await step(on);
        // Two months later all runs are done.
        on.world.registered = new Set(ENTITIES);
        await on.register();
        on.world.now += 60 * 24 * HOUR_MS;
        await on.run(undefined, new Set(), false);
        for (const entity of ENTITIES) {
          const source = new Map(on.read(entity, on.world.now).map((row) => [row.key, row]));
          expect(consume(on, entity)).toEqual(source);
        }
        const { gaps, days } = await ledger.registrations.coverage({ tenant: on.tenant, kind });
        expect([gaps, days]).toEqual([[], on.days.size]);
      }),
      { numRuns: 150 },
    );
  });

  test('of a year of days each begin where the one before ended, over both changes of the clocks', async () => {
    for (const zone of ['Europe/Amsterdam', 'America/New_York', 'Australia/Lord_Howe']) {
      const on = await startWorld(Date.parse('2026-01-01T12:00:00Z'));
      Object.assign(on.world, { registered: new Set(['user']), zone });
      await on.register();
      for (let day = 0; day < 365; day += 1) {
        on.world.now = Date.parse('2026-01-01T18:00:00Z') + day * 24 * HOUR_MS;
        on.changes.push({ entity: 'user', key: day, at: on.world.now - 1000, seen: on.world.now });
        await on.run(undefined, new Set(), false);
      }
      on.world.now += 24 * HOUR_MS;
      await on.run(undefined, new Set(), false);
      expect(on.days.size).toBe(366);
      expect(consume(on, 'user').size).toBe(365);
    }
  }, 300_000);
});

test('each day names the one before and those that it replaces', async () => {
  const on = await startWorld(Date.parse('2026-05-01T12:00:00Z'));
  on.world.registered = new Set(['user']);
  await on.register();
  const hash = (n: number) => String(n).padStart(64, '0');
  const seen: { readonly day: string; readonly previous: string | null; readonly replaces: readonly string[] }[] = [];
  const deliver = async (n: number, asked?: AskedRun) => {
    const runId = randomUUID();
    const startedAt = new Date(on.world.now);
    const begun = await ledger.runs.begin({
      ...{ runId, workflowId: `w-${runId}`, tenant: on.tenant, kind, subject: 'recurring', startedAt },
      changes: {
        period: (order) => periodOf(RECURRING, order, DEPLOYMENT, { asked, startedAt }),
        columns: () => [{ name: 'id', type: 'integer' }],
        needsBase: () => true,
      },
    });
    if (begun.outcome !== 'begun' || !begun.changes) throw new Error(begun.outcome);
    seen.push(begun.changes.delivery);
    const retention = { replaceAfterSeconds: 60, expiresAt: new Date('2036-01-01') };
    await ledger.runs.commit(runId, {
      ...TOTALS,
      manifestSha256: hash(n),
      retention,
      missing: [],
      datasetRows: { user: 0 },
    });
  };
  await deliver(1);
  on.world.now += 24 * HOUR_MS;
  await deliver(2);
  await deliver(3, { day: '2026-05-01' });
  await deliver(4, { day: '2026-05-01' });
  on.world.now += 24 * HOUR_MS;
  await deliver(5);
  expect(seen).toEqual([
    { day: '2026-05-01', previous: null, replaces: [] },
    { day: '2026-05-02', previous: hash(1), replaces: [] },
    { day: '2026-05-01', previous: null, replaces: [hash(1)] },
    { day: '2026-05-01', previous: null, replaces: [hash(3), hash(1)] },
    { day: '2026-05-03', previous: hash(2), replaces: [] },
  ]);
  const { rows } = await ledger.runs.list(on.tenant, { kind }, { cursor: null, limit: 10 });
  const current = rows.filter((run: Run) => run.current).map((run: Run) => [dayOf(run), run.manifestSha256]);
  expect(current.toSorted()).toEqual([
    ['2026-05-01', hash(4)],
    ['2026-05-02', hash(2)],
    ['2026-05-03', hash(5)],
  ]);
  const [user] = await ledger.registrations.list({ tenant: on.tenant, kind });
  expect(user?.watermark).toBe(instantFromDate(new Date('2026-05-03T02:15:00Z')));
});

test('of days that were delivered by runs of one time, the current run is the one that began last', async () => {
  const on = await startWorld(Date.parse('2026-05-01T12:00:00Z'));
  on.world.registered = new Set(['user']);
  await on.register();
  const current = async () => (await ledger.standingOrders.find(on.tenant, kind))?.currentRunId;
  const nothing = new Set<string>();
  await on.run(undefined, nothing, false);
  on.world.now += 24 * HOUR_MS;
  const { now } = on.world;
  await on.run(undefined, nothing, false);
  for (const day of ['2026-05-01', '2026-05-02', '2026-05-01']) {
    const before = await current();
    on.world.now = now;
    await on.run({ day }, nothing, false);
    expect(await current()).not.toBe(before);
  }
});
