import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { Bundle } from '../../config/dataset.ts';
import { type QuestionnaireInfo, type QuestionnaireVersion, versionText } from '../../contracts/questionnaires.ts';
import type { Temporal } from '../../stores/temporal/temporal.ts';
import type { ApiDeps } from '../deps.ts';
import { takeOver } from '../runs/handover.ts';

/** How long a list is used, in milliseconds: clients ask for details every few seconds. */
const KEPT_MS = 30_000;
/** How long a list must be old to be read again for a version that it does not have, in milliseconds. */
const FRESH_MS = 2_000;
/** How long to wait for a worker before the list that was read last is used, in milliseconds. */
const PATIENCE_MS = 2_000;
/** Lists that are kept at most, one for each tenant. */
const TENANTS_MAX = 1000;

/** Which questionnaires tenants have, as their rows in the warehouse say. */
export interface QuestionnaireList {
  /** By title. @throws WaybillError `warehouse_unavailable`, `dataset_broken`; errors of Temporal and of the object store */
  all(tenant: string): Promise<readonly QuestionnaireInfo[]>;
  /**
   * A version that was there when the list was last read is found even if no worker answers: an archive of it can be started, and
   * waits. Whoever makes it reads the warehouse anew.
   *
   * @returns `undefined` if the tenant has no such version. @throws as {@link all}
   */
  find(tenant: string, version: QuestionnaireVersion): Promise<QuestionnaireInfo | undefined>;
}

const info = z.object({
  questionnaire: z.string(),
  version: z.int(),
  variable: z.string(),
  title: z.string(),
  importedAt: z.string().nullable(),
});

type List = readonly QuestionnaireInfo[];

interface Kept {
  readonly at: number;
  readonly list: Promise<List>;
}

/** Only workers read the warehouse, so each list comes from one of them; it is kept for a short time. */
export function createQuestionnaireList(
  deps: Pick<ApiDeps, 'objects' | 'clock' | 'logger' | 'stopping'> & {
    readonly temporal: Pick<Temporal, 'listQuestionnaires'>;
  },
  { name: bundle }: Bundle,
): QuestionnaireList {
  const { temporal, clock, stopping } = deps;
  /** Least recently read first. */
  const kept = new Map<string, Kept>();
  /** What was read last, also while it is read again. */
  const known = new Map<string, List>();

  async function read(tenant: string): Promise<List> {
    const found = await takeOver(deps, tenant, (handover) =>
      temporal.listQuestionnaires({ tenant, bundle, ...handover }, stopping),
    );
    const read = z.array(info).parse(found);
    known.delete(tenant);
    known.set(tenant, read);
    const oldest = known.keys().next().value;
    if (known.size > TENANTS_MAX && oldest !== undefined) known.delete(oldest);
    return read;
  }

  /** @param maxAgeMs how old the list may be */
  function list(tenant: string, maxAgeMs: number): Promise<List> {
    const now = clock.now().getTime();
    const earlier = kept.get(tenant);
    if (earlier && now - earlier.at < maxAgeMs) return earlier.list;
    const fresh = { at: now, list: read(tenant) };
    kept.delete(tenant);
    kept.set(tenant, fresh);
    // The next caller tries again.
    fresh.list.catch(() => {
      if (kept.get(tenant) === fresh) kept.delete(tenant);
    });
    const oldest = kept.keys().next().value;
    if (kept.size > TENANTS_MAX && oldest !== undefined) kept.delete(oldest);
    return fresh.list;
  }

  /** @returns the list, or `undefined` if it cannot be had soon */
  function listSoon(tenant: string): Promise<List | undefined> {
    const late = delay(PATIENCE_MS, undefined, { ref: false });
    return Promise.race([list(tenant, KEPT_MS), late]).catch((error: unknown) => {
      deps.logger.warn({ err: error, tenant }, 'the list of questionnaires could not be read; the one before is used');
      return undefined;
    });
  }

  return {
    all: (tenant) => list(tenant, KEPT_MS),
    async find(tenant, version) {
      const text = versionText(version);
      const isWanted = (candidate: QuestionnaireInfo) => versionText(candidate) === text;
      const before = known.get(tenant)?.find(isWanted);
      const current = before ? await listSoon(tenant) : await list(tenant, KEPT_MS);
      if (!current) return before;
      return current.find(isWanted) ?? (await list(tenant, FRESH_MS)).find(isWanted);
    },
  };
}
