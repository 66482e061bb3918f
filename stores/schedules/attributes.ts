import { defineSearchAttributeKey, type SearchAttributePair, SearchAttributeType } from '@temporalio/common';
import type { SEARCH_ATTRIBUTES } from '../../contracts/task-queues.ts';

/** One of the search attributes that ops filter by. */
export function keyword(name: (typeof SEARCH_ATTRIBUTES)[number], value: string): SearchAttributePair {
  return { key: defineSearchAttributeKey(name, SearchAttributeType.KEYWORD), value };
}
