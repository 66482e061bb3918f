import { chown, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { freePort } from '../stack/ports.ts';
import { postgresProcess } from '../stack/postgres.ts';
import { createSupervisor } from '../stack/supervisor.ts';
import { closeAtEnd, temporaryFolder } from './cleanup.ts';
import { useStack } from './context.ts';
import { programPath, QUIET } from './programs.ts';

const READY_MS = 500;

/** Writes a file that PostgreSQL's own user may remove. */
async function signalFile(data: string, name: string): Promise<void> {
  const owner = await stat(data);
  await writeFile(join(data, name), '');
  await chown(join(data, name), owner.uid, owner.gid);
}

// A standby without a primary stays in recovery until it is promoted, and responds like a server after a crash.
it('PostgreSQL may take longer to recover than to become ready', async () => {
  const { environment } = useStack();
  const reported: string[] = [];
  const data = join(await temporaryFolder(), 'data');
  const supervisor = createSupervisor(QUIET);
  closeAtEnd(() => supervisor.stop());
  const spec = await postgresProcess({
    ...{ executable: await programPath('postgres', environment), directory: data, port: await freePort(), environment },
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
