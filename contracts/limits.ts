import { WaybillError } from './failures.ts';
import { QUESTIONNAIRE } from './questionnaires.ts';
import { ON_DEMAND } from './run.ts';

/** Kinds of export that a credential can be limited to. */
export const DOORS = [ON_DEMAND, 'periodic', 'recurring', QUESTIONNAIRE, 'requests'] as const;

/** What a credential may reach of its tenant. */
export interface Limits {
  /** Kinds of export; `null`: all. */
  readonly doors: readonly string[] | null;
  /** Names of datasets in the catalog; `null`: all. */
  readonly datasets: readonly string[] | null;
}

export const UNLIMITED: Limits = { doors: null, datasets: null };

/**
 * What a route or page is about: a kind of export, or the tenant as a whole, such as its webhook or its credentials.
 *
 * With `each`, it checks by itself every dataset that it touches ({@link assertDataset}), and leaves others out of lists. Otherwise
 * it needs a credential that is not limited to datasets.
 */
export type Reach = { readonly door: string; readonly datasets: 'each' | 'all' } | 'tenant';

export function isLimited({ doors, datasets }: Limits): boolean {
  return doors !== null || datasets !== null;
}

export function mayUseDoor({ doors }: Limits, door: string): boolean {
  return doors === null || doors.includes(door);
}

export function mayUseDataset({ datasets }: Limits, dataset: string): boolean {
  return datasets === null || datasets.includes(dataset);
}

/** @throws WaybillError `outside_limits` */
export function assertReach(limits: Limits, reach: Reach): void {
  if (reach === 'tenant') {
    if (isLimited(limits)) throw outside('This concerns the whole tenant, and the credential is limited.');
    return;
  }
  if (!mayUseDoor(limits, reach.door)) {
    throw outside(`The credential is limited to other kinds of export: ${limits.doors?.join(', ')}.`);
  }
  if (reach.datasets === 'all' && limits.datasets !== null) {
    throw outside('This concerns all datasets, and the credential is limited to some.');
  }
}

/** @throws WaybillError `outside_limits` */
export function assertDataset(limits: Limits, dataset: string): void {
  if (!mayUseDataset(limits, dataset)) throw outside(`The credential is not for the dataset ${dataset}.`);
}

function outside(why: string): WaybillError {
  return new WaybillError('outside_limits', `${why} Use one whose limits allow it.`);
}
