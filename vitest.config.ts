import { defineConfig } from 'vitest/config';

/** `unit`: beside their source, no servers. `servers`: in test/, on a stack of their own that test/global-setup.ts starts and ends. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            '{contracts,config,streams,stores,workflows,activities,api,cli,stack,catalogs,worker,bench}/**/*.test.ts',
          ],
        },
      },
      {
        test: {
          name: 'servers',
          include: ['test/**/*.test.ts'],
          globalSetup: ['test/global-setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
