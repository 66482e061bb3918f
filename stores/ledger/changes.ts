import { sql, type Transaction } from 'kysely';
import { type FileWindow, planWindows, type Registered } from '../../contracts/deltas.ts';
import type { Failure } from '../../contracts/failures.ts';
import { daySeries } from '../../contracts/keys.ts';
import type { Day } from '../../contracts/recurrence.ts';
import { NOW } from './database.ts';
import type { ChangesRun, Commit, RunChanges, StandingRun } from './ports.ts';
import type { StandingOrderRow } from './standing-orders.ts';
import type { DeliveredColumn, Run, RunFile, StandingFile, Tables } from './tables.ts';

type Tx = Transaction<Tables>;

/** A planned run of changes, to be recorded with its run. */
export interface PlannedChanges extends RunChanges {
  readonly series: string;
}

/**
 * Decides what a new run exports. Datasets whose columns no longer match those that were delivered are held.
 *
 * @param order locked
 * @returns `undefined`: nothing is new, or the day has files of a dataset that is held now
 */
export async function planChanges(
  db: Tx,
  { runId, tenant, kind }: StandingRun,
  changes: ChangesRun,
  order: StandingOrderRow,
): Promise<PlannedChanges | undefined> {
  const period = changes.period(order);
  const delivery = await placeInChain(db, order, period.day);
  const ofDay = await deliveredFiles(db, order, period.day);
  const delivered = ofDay.filter(({ dataset }) => changes.columns(dataset));
  const known = await db
    .selectFrom('standingFiles')
    .selectAll()
    .where('standingOrderId', '=', order.standingOrderId)
    .orderBy('dataset')
    .execute();
  const active = known.filter((file) => file.active);
  const checked = active.map((file) => checkColumns(file, changes.columns(file.dataset)));
  const held = checked.flatMap(({ dataset, failure }) => (failure ? [{ dataset, failure }] : []));
  for (const { dataset, failure } of held) await hold(db, order, dataset, failure);
  // What a day already has of a dataset must not be replaced by nothing: the other datasets continue with the next day.
  if (held.some((file) => ofDay.some(({ dataset }) => dataset === file.dataset))) return undefined;
  const open = active.filter(({ dataset }) => !held.some((other) => other.dataset === dataset));
  const files =
    'end' in period ? planWindows(period, open.map(toRegistered), delivered.map(toWindow)) : delivered.map(toWindow);
  if (files.length === 0 && (held.length === 0 || !('end' in period))) return undefined;
  return {
    series: daySeries(kind, tenant, period.day),
    delivery,
    missing: held,
    files: files.map(({ dataset, window, complete }) => ({
      ...{ runId, dataset, complete, windowFrom: window.from, windowTo: window.to, rows: null, failure: null },
      generation: known.find((file) => file.dataset === dataset)?.generation ?? 0,
      columns: checked.find((file) => file.dataset === dataset)?.columns ?? changes.columns(dataset) ?? [],
    })),
  };
}

/** Records what a run exports. */
export async function insertRunFiles(db: Tx, files: readonly RunFile[]): Promise<void> {
  if (files.length === 0) return;
  await db
    .insertInto('runFiles')
    .values(files.map((file) => ({ ...file, columns: JSON.stringify(file.columns), failure: null })))
    .execute();
}

/** @returns what a run that has begun before exports. @param order locked */
export async function readChanges(db: Tx, run: Run, order: StandingOrderRow): Promise<RunChanges> {
  const files = await db.selectFrom('runFiles').selectAll().where('runId', '=', run.runId).orderBy('dataset').execute();
  const held = await db
    .selectFrom('standingFiles')
    .select(['dataset', 'held'])
    .where('standingOrderId', '=', order.standingOrderId)
    .where('active', '=', true)
    .where('held', 'is not', null)
    .execute();
  return {
    delivery: await placeInChain(db, order, run.series.slice(run.series.lastIndexOf('|') + 1)),
    files,
    missing: held.flatMap(({ dataset, held: failure }) => (failure ? [{ dataset, failure }] : [])),
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
  { runId, startedAt }: Run,
  { standingOrderId }: StandingOrderRow,
  { missing = [], datasetRows = {} }: Pick<Commit, 'missing' | 'datasetRows'>,
): Promise<void> {
  const files = await db.selectFrom('runFiles').selectAll().where('runId', '=', runId).execute();
  for (const { dataset, generation, complete, windowTo, columns } of files) {
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
              columns: JSON.stringify(columns),
              watermark: windowTo,
              ...(complete && {
                fullLoadAt: eb.case().when('fullLoadAt', '<=', startedAt).then(null).else(eb.ref('fullLoadAt')).end(),
              }),
            },
      )
      .where('standingOrderId', '=', standingOrderId)
      .where('dataset', '=', dataset)
      .where('generation', '=', generation)
      // Files of an earlier day that are made again move nothing.
      .where((eb) => eb.or([eb('watermark', 'is', null), eb(sql`watermark collate "C"`, '<=', windowTo)]))
      .execute();
  }
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
  if (!offered) return { dataset, columns: [], failure: heldBecause(dataset, 'the catalog no longer offers it') };
  const known = file.columns ?? [];
  const problems = known.flatMap(({ name, type }) => {
    const now = offered.find((column) => column.name === name);
    if (!now) return [`column ${name} is gone`];
    return now.type === type ? [] : [`column ${name} was ${type} and is ${now.type}`];
  });
  if (problems.length > 0) return { dataset, columns: known, failure: heldBecause(dataset, problems.join('; ')) };
  const added = offered.filter(({ name }) => !known.some((column) => column.name === name));
  return { dataset, columns: [...known, ...added] };
}

function heldBecause(dataset: string, reason: string): Failure {
  const message = `${dataset} is held: ${reason}. It continues where it stopped once the operator accepts this.`;
  return { code: 'schema_changed', message };
}

async function hold(db: Tx, { standingOrderId }: StandingOrderRow, dataset: string, held: Failure): Promise<void> {
  await db
    .updateTable('standingFiles')
    .set({ held: JSON.stringify(held), changedAt: NOW })
    .where('standingOrderId', '=', standingOrderId)
    .where('dataset', '=', dataset)
    .where('held', 'is', null)
    .execute();
}

function toRegistered({ dataset, watermark, startsFrom, fullLoadAt }: StandingFile): Registered {
  return { dataset, watermark, startsFrom, fullLoadDue: fullLoadAt !== null };
}

function toWindow({ dataset, windowFrom, windowTo, complete }: RunFile): FileWindow {
  return { dataset, window: { from: windowFrom, to: windowTo, bounds: 'half-open' }, complete };
}
