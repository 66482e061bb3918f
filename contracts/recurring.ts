import type { Frequency, Recurrence } from './recurrence.ts';
import type { StandingKind } from './standing.ts';

/** Type of a delivered column that is anonymized. If it becomes one, or no longer is, it has changed. */
export const ANONYMIZED_TYPE = 'anonymized';

/** Recurring exports: the entities that a tenant has registered, first completely, then what has changed. */
export const RECURRING: StandingKind = {
  kind: 'recurring',
  subject: 'recurring',
  formats: ['csv'],
  name: 'Recurring export',
  title: 'recurring export',
  statusPath: '/export/runs',
  scheduleId: (tenant) => `recurring-export|tenantKey:${tenant}`,
  recurrence: (at, frequency) => recurrenceOf(at, frequency ?? 'daily'),
  // A run covers all that was missed before it, so a late one makes up for several.
  catchupHours: 24 * 32,
  exports: 'changes',
};

function recurrenceOf(at: string, frequency: Frequency): Recurrence {
  switch (frequency) {
    case 'daily':
      return { every: 'day', at };
    case 'weekly':
      return { every: 'week', on: 'MONDAY', at };
    case 'monthly':
      return { every: 'month', on: 1, at };
  }
}
