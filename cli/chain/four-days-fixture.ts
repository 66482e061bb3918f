import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { createTreeWriter, type DeliveredEntity, dayAt, temporaryTree } from './chain-fixture.ts';

/** For tests: a directory that is removed at the end of the test. */
export function scratch(): string {
  const { path, remove } = temporaryTree();
  onTestFinished(remove);
  return path;
}

/** A delivery of `user`. */
export const user = (from: number | null, to: number, more: Partial<DeliveredEntity> = {}): DeliveredEntity => ({
  ...{ entity: 'user', load: from === null ? 'complete' : 'delta', from, to },
  ...{ columns: { id: 'integer', text: 'text' }, rows: [['1', 'a']], deleted: ['2'], ...more },
});

/** Four days of two entities. */
export function fourDays(root = scratch(), tenant = 'acme') {
  const writer = createTreeWriter(root, tenant);
  for (const day of [0, 1, 2, 3]) {
    const from = day === 0 ? null : day * 24;
    writer.deliver(dayAt(day), [user(from, day * 24 + 24), user(from, day * 24 + 24, { entity: 'event' })]);
  }
  return { root, writer, at: (path: string) => join(root, '2026/01', path) };
}
