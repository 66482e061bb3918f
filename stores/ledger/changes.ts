import { sql, type Transaction } from 'kysely';
import { type FileWindow, planWindows, type Registered } from '../../contracts/deltas.ts';
import type { Failure } from '../../contracts/failures.ts';
import type { Instant } from '../../contracts/instant.ts';
import { dayOf, daySeries } from '../../contracts/keys.ts';
import type { Day } from '../../contracts/recurrence.ts';
import { NOW } from './database.ts';
import type { HeldDataset } from './held.ts';
import type { ChangesRun, Commit, RunChanges, StandingRun } from './ports.ts';
import type { StandingOrderRow } from './standing-orders.ts';
import type { DeliveredColumn, Run, RunFile, StandingFile, Tables } from './tables.ts';

type Tx = Transaction<Tables>;

/** A planned run of changes, to be recorded with its run. */
interface PlannedChanges {
  readonly series: string;
  /** Those with a failure are not exported. None: nothing is new. */
  readonly files: readonly RunFile[];
  /** Datasets that were not held before. */
  readonly held: readonly HeldDataset[];
}

/**
 * Decides what a new run exports. Datasets whose columns no longer match those that were delivered are held.
 *
 * What a day has is never left out when it is delivered again: if it has files of a dataset that cannot be exported now, the
 * run exports nothing.
 *
 * @param order locked
 */
export async function planChanges(
  db: Tx,
  { runId, tenant, kind }: StandingRun,
  changes: ChangesRun,
  order: StandingOrderRow,
): Promise<PlannedChanges> {
  const period = changes.period(order);
  const newest = await newestDay(db, order);
  // Days never go back, whatever the time zone.
  const day = 'end' in period && newest !== undefined && newest > period.day ? newest : period.day;
  const delivered = await deliveredFiles(db, order, day);
  const known = await db
    .selectFrom('standingFiles')
    .selectAll()
    .where('standingOrderId', '=', order.standingOrderId)
    .orderBy('dataset')
    .execute();
  const active = known.filter((file) => file.active);
  const checked = active.map((file) => checkColumns(file, changes.columns(file.dataset)));
  const failures = new Map<string, Failure>();
  const held: HeldDataset[] = [];
  for (const { dataset } of delivered) if (!changes.columns(dataset)) failures.set(dataset, notOffered(dataset));
  for (const { dataset, failure } of checked) {
    if (!failure) continue;
    failures.set(dataset, failure);
    if (await hold(db, order, dataset, failure)) held.push({ dataset, failure });
  }
  const open = active.filter(({ dataset }) => !failures.has(dataset)).map(toRegistered);
  const windows = 'end' in period ? planWindows(period, open, delivered.map(toWindow)) : delivered.map(toWindow);
  const blocked = windows.filter(({ dataset }) => failures.has(dataset));
  const missing =
    blocked.length > 0 || !('end' in period)
      ? blocked
      : planWindows(period, active.filter(({ dataset }) => failures.has(dataset)).map(toRegistered), []);
  const wanted = blocked.length > 0 ? [] : windows;
  const files: RunFile[] = [];
  for (const { dataset, window, complete } of [...wanted, ...missing]) {
    const file = known.find((candidate) => candidate.dataset === dataset);
    const needsBase = !complete && changes.needsBase(dataset);
    const base = needsBase ? await findBase(db, order, dataset, window.from) : undefined;
    files.push({
      ...{ runId, dataset, complete, windowFrom: window.from, windowTo: window.to, rows: null },
      failure: failures.get(dataset) ?? null,
      replaces: delivered.some((other) => other.dataset === dataset),
      baseRunId: base?.runId ?? null,
      // A day that is made again moves no watermark.
      generation: ('end' in period && file?.generation) || 0,
      fullLoadAt: (complete && file?.fullLoadAt) || null,
      columns: withAdded(
        checked.find((other) => other.dataset === dataset)?.columns ?? changes.columns(dataset) ?? [],
        delivered.find((other) => other.dataset === dataset),
      ),
    });
  }
  return { series: daySeries(kind, tenant, day), files, held };
}

/** Records what a run exports. */
export async function insertRunFiles(db: Tx, files: readonly RunFile[]): Promise<void> {
  if (files.length === 0) return;
  await db
    .insertInto('runFiles')
    .values(files.map(({ columns, failure, ...file }) => ({ ...file, ...inJson({ columns, failure }) })))
    .execute();
}

function inJson({ columns, failure }: Pick<RunFile, 'columns' | 'failure'>) {
  return { columns: JSON.stringify(columns), failure: failure && JSON.stringify(failure) };
}

/** @returns what a run that has begun exports. @param order locked */
export async function readChanges(db: Tx, run: Run, order: StandingOrderRow): Promise<RunChanges> {
  const files = await db.selectFrom('runFiles').selectAll().where('runId', '=', run.runId).orderBy('dataset').execute();
  return {
    delivery: await placeInChain(db, order, dayOf(run)),
    files: files.filter(({ failure }) => failure === null),
    missing: files.flatMap(({ dataset, failure }) => (failure ? [{ dataset, failure }] : [])),
  };
}

/**
 * Records what a run has delivered, and moves the watermarks of those datasets. A dataset that has been registered again
 * since the run began stays where it is.
 *
 * @param order locked
 */
export async function commitChanges(
  db: Tx,
  { runId }: Run,
  { standingOrderId }: StandingOrderRow,
  { missing = [], datasetRows = {} }: Pick<Commit, 'missing' | 'datasetRows'>,
): Promise<void> {
  const planned = db.selectFrom('runFiles').selectAll().where('runId', '=', runId).where('failure', 'is', null);
  for (const { dataset, generation, complete, windowTo, fullLoadAt, columns } of await planned.execute()) {
    const failure = missing.find((other) => other.dataset === dataset)?.failure;
    await db
      .updateTable('runFiles')
      .set(failure ? { failure: JSON.stringify(failure) } : { rows: datasetRows[dataset] ?? 0 })
      .where('runId', '=', runId)
      .where('dataset', '=', dataset)
      .execute();
    await db
      .updateTable('standingFiles')
      .set((eb) =>
        failure
          ? { failure: JSON.stringify(failure) }
          : {
              failure: null,
              columns: JSON.stringify(columns.map(({ name, type }) => ({ name, type }))),
              watermark: windowTo,
              ...(complete && {
                fullLoadAt: eb.case().when('fullLoadAt', '=', fullLoadAt).then(null).else(eb.ref('fullLoadAt')).end(),
              }),
            },
      )
      .where('standingOrderId', '=', standingOrderId)
      .where('dataset', '=', dataset)
      .where('generation', '=', generation)
      // A watermark never moves back.
      .where((eb) => eb.or([eb('watermark', 'is', null), eb(sql`watermark collate "C"`, '<=', windowTo)]))
      .execute();
  }
}

async function newestDay(db: Tx, { standingOrderId }: StandingOrderRow): Promise<Day | undefined> {
  const newest = await db
    .selectFrom('runs')
    .select('series')
    .where('standingOrderId', '=', standingOrderId)
    .where('state', '=', 'completed')
    .orderBy(sql`series collate "C"`, 'desc')
    .limit(1)
    .executeTakeFirst();
  return newest && dayOf(newest);
}

async function placeInChain(db: Tx, order: StandingOrderRow, day: Day): Promise<RunChanges['delivery']> {
  const series = daySeries(order.kind, order.tenant, day);
  const completed = db
    .selectFrom('runs')
    .select('manifestSha256')
    .where('standingOrderId', '=', order.standingOrderId)
    .where('state', '=', 'completed');
  const before = await completed
    .where(sql<boolean>`series collate "C" < ${series}`)
    .orderBy(sql`series collate "C"`, 'desc')
    .orderBy('endedAt', 'desc')
    .limit(1)
    .executeTakeFirst();
  const same = await completed.where('series', '=', series).orderBy('endedAt', 'desc').execute();
  return {
    day,
    previous: before?.manifestSha256 ?? null,
    replaces: same.flatMap(({ manifestSha256 }) => manifestSha256 ?? []),
  };
}

/** @returns the newest run that delivered the dataset up to that moment */
function findBase(db: Tx, { standingOrderId }: StandingOrderRow, dataset: string, end: Instant | null) {
  return db
    .selectFrom('runFiles')
    .innerJoin('runs', 'runs.runId', 'runFiles.runId')
    .select('runFiles.runId')
    .where('dataset', '=', dataset)
    .where('windowTo', '=', end)
    .where('runFiles.rows', 'is not', null)
    .where('standingOrderId', '=', standingOrderId)
    .orderBy('endedAt', 'desc')
    .limit(1)
    .executeTakeFirst();
}

/** @returns what the newest run of the day has delivered */
async function deliveredFiles(db: Tx, order: StandingOrderRow, day: Day): Promise<readonly RunFile[]> {
  const run = await db
    .selectFrom('runs')
    .select('runId')
    .where('standingOrderId', '=', order.standingOrderId)
    .where('series', '=', daySeries(order.kind, order.tenant, day))
    .where('state', '=', 'completed')
    .orderBy('endedAt', 'desc')
    .limit(1)
    .executeTakeFirst();
  if (!run) return [];
  return db
    .selectFrom('runFiles')
    .selectAll()
    .where('runId', '=', run.runId)
    .where('rows', 'is not', null)
    .orderBy('dataset')
    .execute();
}

interface CheckedFile {
  readonly dataset: string;
  /** Those delivered before in their order, then added ones. */
  readonly columns: readonly DeliveredColumn[];
  readonly failure?: Failure;
}

/** A column may be added; one that is gone or has another type holds the dataset until the operator accepts it. */
function checkColumns(file: StandingFile, offered: readonly DeliveredColumn[] | undefined): CheckedFile {
  const { dataset, held } = file;
  if (held) return { dataset, columns: [], failure: held };
  if (!offered) return { dataset, columns: [], failure: notOffered(dataset) };
  const known = file.columns ?? [];
  const problems = known.flatMap(({ name, type }) => {
    const now = offered.find((column) => column.name === name);
    if (!now) return [`column ${name} is gone`];
    return now.type === type ? [] : [`column ${name} was ${type} and is ${now.type}`];
  });
  if (problems.length > 0) return { dataset, columns: known, failure: heldBecause(dataset, problems.join('; ')) };
  const added = offered.filter(({ name }) => !known.some((column) => column.name === name));
  const isFirst = known.length === 0;
  return {
    dataset,
    columns: [...known, ...added.map((column) => (isFirst ? column : { ...column, added: true as const }))],
  };
}

/** Columns that were added earlier on the day count as added: the day before did not have them. */
function withAdded(columns: readonly DeliveredColumn[], ofDay: RunFile | undefined): readonly DeliveredColumn[] {
  const added = new Set(ofDay?.columns.flatMap((column) => (column.added ? [column.name] : [])));
  return columns.map((column) => (added.has(column.name) ? { ...column, added: true as const } : column));
}

function notOffered(dataset: string): Failure {
  return heldBecause(dataset, 'the catalog no longer offers it');
}

function heldBecause(dataset: string, reason: string): Failure {
  const message = `${dataset} is held: ${reason}. It continues where it stopped once the operator accepts this.`;
  return { code: 'schema_changed', message };
}

/** @returns whether it was not held before */
async function hold(db: Tx, { standingOrderId }: StandingOrderRow, dataset: string, held: Failure): Promise<boolean> {
  const changed = await db
    .updateTable('standingFiles')
    .set({ held: JSON.stringify(held), changedAt: NOW })
    .where('standingOrderId', '=', standingOrderId)
    .where('dataset', '=', dataset)
    .where('held', 'is', null)
    .returning('dataset')
    .executeTakeFirst();
  return changed !== undefined;
}

function toRegistered({ dataset, watermark, startsFrom, fullLoadAt }: StandingFile): Registered {
  return { dataset, watermark, startsFrom, fullLoadDue: fullLoadAt !== null };
}

function toWindow({ dataset, windowFrom, windowTo, complete }: RunFile): FileWindow {
  return { dataset, window: { from: windowFrom, to: windowTo, bounds: 'half-open' }, complete };
}
