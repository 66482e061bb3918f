import { setCurrentDetails } from '@temporalio/workflow';
import type { Failure } from '../contracts/failures.ts';
import type { ManifestPart } from '../contracts/manifest.ts';
import { PERIODIC_FORMATS } from '../contracts/periodic.ts';
import type { GenerationPlan } from '../contracts/periodic-steps.ts';
import type { ExportState, Progress } from '../contracts/progress.ts';
import { showState } from './story.ts';

/** What a run of the bundle knows of itself; the progress query and the details in the Temporal UI are told from it. */
export interface GenerationStory {
  readonly tenant: string;
  state: ExportState;
  /** Counts from 1. */
  round: number;
  plan: GenerationPlan | null;
  /** Finished in this round. */
  readonly parts: ManifestPart[];
  /** One line about how it ended. */
  ending: string | null;
  failure: Failure | null;
}

export function beginStory(tenant: string): GenerationStory {
  return { tenant, state: 'running', round: 1, plan: null, parts: [], ending: null, failure: null };
}

/** Moves the story to a state, for the details and for the search attribute that ops filter by. */
export function enterGenerationState(story: GenerationStory, state: ExportState): void {
  story.state = state;
  showState(state);
  tellGeneration(story);
}

/**
 * Progress by what has finished; the files under way report theirs in heartbeats, which a door adds. A part is one file
 * in one format, so that the rows of a file count once for each of its formats.
 */
export function generationProgress(story: GenerationStory): Progress {
  const rowsDone = sum(story.parts, ({ rows }) => rows);
  const rowsTotal = story.plan && sum(story.plan.files, ({ rows }) => rows) * PERIODIC_FORMATS.length;
  const partsTotal = story.plan && story.plan.files.length * PERIODIC_FORMATS.length;
  const partsDone = story.parts.length;
  const done = story.state === 'completed';
  const share = (part: number, whole: number | null) => (whole ? part / whole : 0);
  const shown = rowsTotal === 0 ? share(partsDone, partsTotal) : share(rowsDone, rowsTotal);
  return {
    percent: done ? 100 : Math.min(99, Math.floor(shown * 100)),
    rowsDone,
    rowsTotal,
    contentBytes: sum(story.parts, ({ contentBytes }) => contentBytes),
    storedBytes: sum(story.parts, ({ bytes }) => bytes),
    partsDone,
    partsTotal,
    final: done,
  };
}

/** Writes the current details of the run, Markdown that the Temporal UI shows above its history. */
export function tellGeneration(story: GenerationStory): void {
  const { plan, failure, ending, round } = story;
  const lines = [`**All periodic files** of **${story.tenant}**: **${story.state}**`, ''];
  if (plan) {
    const progress = generationProgress(story);
    lines.push(
      `- snapshot at ${plan.snapshotAt}`,
      `- ${plan.files.length} files, ${sum(plan.files, ({ rows }) => rows).toLocaleString('en')} rows`,
      `- ${progress.partsDone} of ${progress.partsTotal} objects, ${progress.storedBytes.toLocaleString('en')} bytes stored`,
    );
  }
  if (round > 1) lines.push(`- round ${round}: the source had changed while it was being read`);
  if (ending) lines.push(`- ${ending}`);
  if (failure) lines.push(`- **${failure.code}**: ${failure.message}`);
  setCurrentDetails(lines.join('\n'));
}

function sum<Item>(items: readonly Item[], size: (item: Item) => number): number {
  return items.reduce((total, item) => total + size(item), 0);
}
