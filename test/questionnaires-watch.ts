import { expect } from 'vitest';
import type { DetailsAnswer, ExportJob } from '../contracts/views/questionnaires.ts';
import { readZip } from './archive.ts';
import { type createArchiveClient, FIRST } from './questionnaires-set-up.ts';
import { waitUntil } from './wait-until.ts';

/** An archive by its filter, as requests and as jobs have it. */
interface Watched {
  readonly query: string;
  readonly from: string;
}

/** Callers that look at archives all the time, and check that each answer may follow the one before. */
export interface ArchiveWatch {
  /** What details of the archive showed last. */
  last(from: string): DetailsAnswer | undefined;
  /** @throws Error of the first check that failed */
  end(): Promise<void>;
}

/** How long archives are looked at, at most. */
const SECONDS = 120;

/** What may become of the files that there are: all stay until newer ones are complete; or they may go, and none comes back. */
type Files = 'stay' | 'may go';

/**
 * Nobody may delete an archive meanwhile.
 *
 * @param options.files `may go` if the tenant's settings change meanwhile, and nothing can be made from then on
 */
export function watchArchives(
  client: ReturnType<typeof createArchiveClient>,
  archives: readonly Watched[],
  { files }: { readonly files: Files },
): ArchiveWatch {
  let isOver = false;
  const seen = new Map<string, DetailsAnswer>();
  const until = (look: () => Promise<void>) =>
    waitUntil(
      async () => {
        // Whoever comes last still looks at the end.
        const wasOver = isOver;
        await look();
        return wasOver;
      },
      Boolean,
      SECONDS,
    );
  const watches = [
    ...archives.map(({ query, from }) => {
      const download = watchDownload(client, query, files);
      return until(async () => {
        const next = await client.details('tabular', FIRST, query);
        expectDetails(next, seen.get(from), files);
        seen.set(from, next);
        await download(next.HasExportedFile);
      });
    }),
    until(
      watchJobs(
        client,
        archives.map(({ from }) => from),
        files,
      ),
    ),
  ];
  // Its owner hears of it at the end.
  const all = Promise.all(watches);
  all.catch(() => undefined);
  return {
    last: (from) => seen.get(from),
    async end() {
      isOver = true;
      await all;
    },
  };
}

/** An answer of the first generation, alone and after another. */
function expectDetails(next: DetailsAnswer, before: DetailsAnswer | undefined, files: Files): void {
  const { ExportStatus: status, HasExportedFile: has, LastUpdateDate: updated, RunningProcess: process } = next;
  const context = JSON.stringify([before, next]);
  expect(process !== null, context).toBe(status === 'Queued' || status === 'Running');
  expect(updated !== null, context).toBe(has);
  if (status === 'Finished') expect(has, context).toBe(true);
  if (status === 'NotStarted') expect(has, context).toBe(false);
  if (!before) return;
  if (files === 'stay') {
    // The old file stays until the new one is complete.
    if (before.HasExportedFile) expect(has, context).toBe(true);
    expect((updated ?? '') >= (before.LastUpdateDate ?? ''), context).toBe(true);
  } else if (has) expect(updated, context).toBe(before.LastUpdateDate);
  if (before.ExportStatus === 'Finished' || before.ExportStatus === 'FinishedWithErrors')
    expect(status, context).not.toBe('NotStarted');
  const [one, other] = [before.RunningProcess, process];
  if (one && other && one.StartDate === other.StartDate) {
    expect(other.ProgressInPercents >= one.ProgressInPercents, context).toBe(true);
    // Whoever runs does not queue again.
    if (before.ExportStatus === 'Running') expect(status, context).toBe('Running');
  }
}

/** Once there is a file there always is one, and it is whole; if files may go, there is none once it has gone. */
function watchDownload({ request }: ReturnType<typeof createArchiveClient>, query: string, files: Files) {
  let last: Buffer | undefined;
  let isGone = false;
  return async (has: boolean): Promise<void> => {
    const answer = await request('GET', `/api/v1/export/tabular/${FIRST}${query}`);
    const bytes = Buffer.from(await answer.arrayBuffer());
    if (files === 'may go' && answer.status === 404) isGone = true;
    if (isGone) {
      expect([query, answer.status]).toEqual([query, 404]);
      return;
    }
    if (!has && last === undefined && answer.status === 404) return;
    expect([query, answer.status]).toEqual([query, 200]);
    if (!last?.equals(bytes)) expect((await readZip(bytes)).has('export__readme.txt')).toBe(true);
    last = bytes;
  };
}

const PLACES = { Created: 0, Running: 1, Completed: 2, Fail: 2, Canceled: 2 } as const;
const isActive = ({ ExportStatus }: ExportJob) => PLACES[ExportStatus] < 2;

/** One list has one moment of all jobs. */
function watchJobs(
  { jobs }: ReturnType<typeof createArchiveClient>,
  froms: readonly string[],
  mode: Files,
): () => Promise<void> {
  const seen = new Map<number, ExportJob>();
  const served = new Set<string>();
  return async () => {
    const all = (await jobs()).filter(({ From }) => froms.includes(From ?? ''));
    for (const [from = '', own] of Map.groupBy(all, ({ From }) => From ?? '')) {
      expect(own.filter(isActive).length, from).toBeLessThanOrEqual(1);
      const files = own.filter(({ HasExportFile }) => HasExportFile);
      expect(files.length, from).toBe(served.has(from) && mode === 'stay' ? 1 : Math.min(1, files.length));
      if (files.length > 0) served.add(from);
    }
    for (const job of all) {
      const before = seen.get(job.JobId);
      seen.set(job.JobId, job);
      expect(job.HasExportFile && job.ExportStatus !== 'Completed').toBe(false);
      if (!before) continue;
      const context = JSON.stringify([before, job]);
      expect(PLACES[job.ExportStatus] >= PLACES[before.ExportStatus], context).toBe(true);
      if (isActive(job)) expect(job.Progress >= before.Progress, context).toBe(true);
      // What has ended stays so; at most its archive is replaced.
      if (!isActive(before)) expect(job.ExportStatus, context).toBe(before.ExportStatus);
      if (!isActive(before) && !before.HasExportFile) expect(job.HasExportFile, context).toBe(false);
    }
  };
}
