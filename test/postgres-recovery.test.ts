import { chmod, chown, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { getProgram } from '../stack/find.ts';
import { freePort } from '../stack/ports.ts';
import { postgresProcess } from '../stack/postgres.ts';
import { createSupervisor, type Supervisor } from '../stack/supervisor.ts';
import { useStack } from './context.ts';

const READY_MS = 500;

let directory: string;
let supervisor: Supervisor;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'waybill-recovery-'));
  await chmod(directory, 0o711);
  supervisor = createSupervisor({ line: () => undefined, crashed: () => undefined });
});
afterEach(async () => {
  await supervisor.stop();
  await rm(directory, { recursive: true, force: true });
});

/** Writes a file that PostgreSQL's own user may remove. */
async function signalFile(data: string, name: string): Promise<void> {
  const owner = await stat(data);
  await writeFile(join(data, name), '');
  await chown(join(data, name), owner.uid, owner.gid);
}

// A standby without a primary stays in recovery until it is promoted, and answers as a server that recovers from a crash.
it('PostgreSQL that recovers for longer than it may take to become ready is not ended', async () => {
  const { environment } = useStack();
  const reported: string[] = [];
  const postgres = await getProgram('postgres', {
    environment,
    report: () => undefined,
    signal: new AbortController().signal,
  });
  const data = join(directory, 'data');
  const spec = await postgresProcess({
    ...{ executable: postgres.path, directory: data, port: await freePort(), environment },
    report: (line) => reported.push(line),
  });
  await signalFile(data, 'standby.signal');

  const late = Promise.withResolvers<void>();
  const began = Date.now();
  const started = supervisor.start({
    ...spec,
    arguments: [...spec.arguments, '-c', 'hot_standby=off'],
    readyMs: READY_MS,
    async ready() {
      const answer = await spec.ready().catch(() => false);
      if (Date.now() - began > 4 * READY_MS) late.resolve();
      return answer;
    },
  });
  await Promise.race([late.promise, started]);
  const waiting = reported.filter((line) => line.includes('waiting'));
  expect(waiting).toEqual(['postgres: recovers its data and accepts no connections yet; waiting']);

  const pid = Number((await readFile(join(data, 'postmaster.pid'), 'utf8')).split('\n')[0]);
  await signalFile(data, 'promote');
  process.kill(pid, 'SIGUSR1');
  expect((await started).pid).toBe(pid);
});
