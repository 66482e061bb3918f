import { defineSearchAttributeKey, type SearchAttributePair, SearchAttributeType } from '@temporalio/common';
import { PREVIEW_SECONDS_MAX } from '../../contracts/preview.ts';
import { type PushInput, priorityOf, type RunInput } from '../../contracts/steps.ts';
import { PRIORITIES, type SEARCH_ATTRIBUTES } from '../../contracts/task-queues.ts';
import type { RunLabels } from './temporal.ts';

/** One of the search attributes that ops filter by. */
export function keyword(name: (typeof SEARCH_ATTRIBUTES)[number], value: string): SearchAttributePair {
  return { key: defineSearchAttributeKey(name, SearchAttributeType.KEYWORD), value };
}

/** Search attributes of schedules, and of the runs they start. */
export function subjectAttributes({ tenant, subject }: Pick<RunLabels, 'tenant' | 'subject'>): SearchAttributePair[] {
  return [keyword('WaybillTenant', tenant), keyword('WaybillDataset', subject)];
}

/** Start options of a run, whether the API or a schedule starts it. */
export function runOptions(input: RunInput, labels: RunLabels, taskQueue: string) {
  const isWaiting = 'request' in input && input.request.startsAt !== null;
  return {
    taskQueue,
    args: [input],
    typedSearchAttributes: [
      ...subjectAttributes(labels),
      keyword('WaybillFormat', labels.format),
      keyword('WaybillState', isWaiting ? 'pending' : 'running'),
    ],
    staticSummary: labels.summary,
    priority: { priorityKey: priorityOf(input), fairnessKey: labels.tenant },
  };
}

/** Start options of the workflow that sends a tenant's webhooks. */
export function webhooksOptions(tenant: string, taskQueue: string) {
  return {
    taskQueue,
    args: [{ tenant }],
    typedSearchAttributes: [...subjectAttributes({ tenant, subject: 'webhooks' }), keyword('WaybillState', 'running')],
    staticSummary: `webhooks of ${tenant}`,
    priority: { priorityKey: PRIORITIES.scheduled, fairnessKey: tenant },
  };
}

/** Start options of a workflow that somebody waits for. @param what in words, such as `preview` */
export function waitedOptions(
  { tenant, subject }: Pick<RunLabels, 'tenant' | 'subject'>,
  what: string,
  taskQueue: string,
) {
  return {
    taskQueue,
    typedSearchAttributes: [...subjectAttributes({ tenant, subject }), keyword('WaybillState', 'running')],
    staticSummary: `${what} of ${subject} for ${tenant}`,
    workflowExecutionTimeout: (PREVIEW_SECONDS_MAX + 5) * 1000,
    priority: { priorityKey: PRIORITIES.interactive, fairnessKey: tenant },
  };
}

/** Start options of a delivery to a tenant's own destination. */
export function pushOptions(input: PushInput, taskQueue: string) {
  const { tenant } = input;
  return {
    taskQueue,
    args: [input],
    typedSearchAttributes: [...subjectAttributes({ tenant, subject: 'push' }), keyword('WaybillState', 'running')],
    staticSummary: `delivery to the destination of ${tenant}`,
    priority: { priorityKey: PRIORITIES.scheduled, fairnessKey: tenant },
  };
}
