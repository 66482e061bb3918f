import type { ApiDeps } from '../deps.ts';
import { createWatch, type Watch } from './events.ts';
import { type CloseLostRun, createCloseLostRun } from './find.ts';
import { createLinks, type Links } from './links.ts';
import { type ProgressReader, progressReader } from './progress.ts';
import { createSubmit, type Submit } from './submit.ts';

/** What the API and the portal do with runs. They share one, so that a tenant's limit counts the starts of both. */
export interface RunServices {
  readonly links: Links;
  readonly progress: ProgressReader;
  readonly closeLostRun: CloseLostRun;
  readonly submit: Submit;
  readonly watch: Watch;
}

/** Interval between lookups of a watched export, in milliseconds. */
const WATCH_MS = 500;

export function createRunServices(deps: ApiDeps): RunServices {
  const services = {
    links: createLinks(deps),
    progress: progressReader(deps.temporal, deps.clock),
    closeLostRun: createCloseLostRun(deps),
    submit: createSubmit(deps),
  };
  return { ...services, watch: createWatch({ ...deps, ...services }, WATCH_MS) };
}
