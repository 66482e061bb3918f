import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { DEMO_CREDENTIALS } from '../stack/samples.ts';
import { startStack } from '../stack/stack.ts';
import { writeBundle } from '../worker/bundle.ts';

/** 4,000 rows in the sample warehouse's largest table; the flights are always three million. */
const SAMPLE_SCALE = 0.01;

/** Starts one stack on free ports and a temporary directory for all tests that need servers. @returns what ends it */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { logger } = project.vitest;
  const directory = await mkdtemp(join(tmpdir(), 'waybill-test-'));
  // As root, PostgreSQL runs as another user, who must get to its data below.
  await chmod(directory, 0o711);
  const lines: string[] = [];
  // Settings of whoever runs the tests must not change what they find; those that name executables may.
  const environment = {
    ...Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !name.startsWith('WAYBILL_') || name.endsWith('_BIN')),
    ),
    // Spares each of the hundreds of processes that tests start a third of a second.
    NODE_COMPILE_CACHE: join(directory, 'compile-cache'),
  };
  const end = async () => rm(directory, { recursive: true, force: true });
  try {
    const bundle = join(directory, 'workflow-bundle.js');
    await writeBundle(bundle);
    const stack = await startStack({
      ports: 'free',
      dataDirectory: directory,
      sampleScale: SAMPLE_SCALE,
      settings: { WAYBILL_WORKFLOW_BUNDLE: bundle },
      environment,
      report: (line) => logger.log(line),
      line: (name, line) => lines.push(`${name} | ${line}`),
      crashed: (name, how) => logger.error(`${name} ${how}:\n${lines.slice(-50).join('\n')}`),
      signal: new AbortController().signal,
    });
    const { ports, urls, settings } = stack;
    project.provide('stack', { ports, urls, settings, environment: bare(environment), credentials: DEMO_CREDENTIALS });
    return async () => {
      await stack.stop();
      await end();
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/** What can be handed to test workers: an environment without holes. */
function bare(environment: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}
