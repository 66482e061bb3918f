import { z } from 'zod';
import type { Bundle } from '../../config/dataset.ts';
import { type QuestionnaireInfo, type QuestionnaireVersion, versionText } from '../../contracts/questionnaires.ts';
import type { ApiDeps } from '../deps.ts';
import { takeOver } from '../runs/handover.ts';

/** How long a list is used, in milliseconds: clients ask for details every few seconds. */
const KEPT_MS = 30_000;
/** How long a list must be old to be read again for a version that it does not have, in milliseconds. */
const FRESH_MS = 2_000;
/** Lists that are kept at most, one for each tenant. */
const TENANTS_MAX = 1000;

/** Which questionnaires tenants have, as their rows in the warehouse say. */
export interface QuestionnaireList {
  /** By title. @throws WaybillError `warehouse_unavailable`, `dataset_broken`; errors of Temporal and of the object store */
  all(tenant: string): Promise<readonly QuestionnaireInfo[]>;
  /** @returns `undefined` if the tenant has no such version. @throws as {@link all} */
  find(tenant: string, version: QuestionnaireVersion): Promise<QuestionnaireInfo | undefined>;
}

const info = z.object({
  questionnaire: z.string(),
  version: z.int(),
  variable: z.string(),
  title: z.string(),
  importedAt: z.string().nullable(),
});

interface Kept {
  readonly at: number;
  readonly list: Promise<readonly QuestionnaireInfo[]>;
}

/** Only workers read the warehouse, so each list comes from one of them; it is kept for a short time. */
export function createQuestionnaireList(
  deps: Pick<ApiDeps, 'temporal' | 'objects' | 'clock' | 'logger' | 'stopping'>,
  { name: bundle }: Bundle,
): QuestionnaireList {
  const { temporal, clock, stopping } = deps;
  /** Least recently read first. */
  const kept = new Map<string, Kept>();

  async function read(tenant: string): Promise<readonly QuestionnaireInfo[]> {
    const found = await takeOver(deps, tenant, (handover) =>
      temporal.listQuestionnaires({ tenant, bundle, ...handover }, stopping),
    );
    return z.array(info).parse(found);
  }

  /** @param maxAgeMs how old the list may be */
  function list(tenant: string, maxAgeMs: number): Promise<readonly QuestionnaireInfo[]> {
    const now = clock.now().getTime();
    const known = kept.get(tenant);
    if (known && now - known.at < maxAgeMs) return known.list;
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

  return {
    all: (tenant) => list(tenant, KEPT_MS),
    async find(tenant, version) {
      const text = versionText(version);
      const isWanted = (candidate: QuestionnaireInfo) => versionText(candidate) === text;
      return (await list(tenant, KEPT_MS)).find(isWanted) ?? (await list(tenant, FRESH_MS)).find(isWanted);
    },
  };
}
