import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startServers } from '../stack/servers.ts';

/** Starts one stack on free ports and a temporary directory for all tests that need servers. @returns what ends it */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), 'waybill-test-'));
  // As root, PostgreSQL runs as another user, who must get to its data below.
  await chmod(directory, 0o711);
  const servers = await startServers({
    ports: 'free',
    dataDirectory: directory,
    environment: process.env,
    report: (line) => project.vitest.logger.log(line),
    line: () => undefined,
    crashed: (name, how) => project.vitest.logger.error(`${name} ${how}`),
    signal: new AbortController().signal,
  });
  project.provide('stack', { ports: servers.ports, urls: servers.urls, settings: servers.settings });
  return async () => {
    await servers.stop();
    await rm(directory, { recursive: true, force: true });
  };
}
