import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The longest test files of each project, longest first, so that the last ones to start are short. */
const LONGEST = [
  'stores/warehouse/spill',
  'stores/warehouse/column-format',
  'test/periodic-faults',
  'test/chaos',
  'test/lost-workers',
  'test/portal-open',
  'test/portal-requests',
  'test/periodic-races',
  'test/faults',
  'test/webhooks',
  'test/api-files',
  'test/periodic-contract',
  'test/portal-operator',
  'test/push',
  'test/network',
  'test/api-fuzz',
  'test/worker-end',
  'test/warehouse-indexes',
  'test/ledger-changes',
  'test/questionnaires',
  'test/questionnaires-races',
  'test/questionnaires-interleavings',
  'test/stalled-downloads',
].map((name) => `/${name}.test.ts`);

// Test files of servers have a process each; this spares them compiling the same packages.
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('node_modules/.cache/compile', import.meta.url));

/** Starts with the longest files; vitest knows durations only from earlier runs. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const found = LONGEST.findIndex((name) => moduleId.endsWith(name));
      return found < 0 ? LONGEST.length : found;
    };
    return (await super.sort(files)).sort((one, other) => place(one) - place(other));
  }
}

/**
 * `unit`: beside their source, no servers; none changes what others share. `servers`: in test/, on a stack of their own that
 * test/global-setup.ts starts and ends. These mostly wait, so there are more of them at a time than processors.
 */
export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            '{contracts,config,streams,formats,stores,workflows,activities,api,sftp,cli,stack,catalogs,worker,bench}/**/*.test.ts',
          ],
          maxWorkers: 2,
          // They share processes, and so load each module once.
          isolate: false,
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'servers',
          include: ['test/**/*.test.ts'],
          globalSetup: ['test/global-setup.ts'],
          setupFiles: ['test/set-up.ts'],
          // Ends what hangs; what a test waits for has a limit of its own.
          testTimeout: 300_000,
          hookTimeout: 300_000,
          // Vitest's own second is short for a busy machine.
          expect: { poll: { timeout: 30_000 } },
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
