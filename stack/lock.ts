import { open, readFile, rm, stat, utimes } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** Milliseconds between two signs of life of a lock's holder. */
const BEAT_MS = 5_000;
/** Milliseconds without a sign of life after which a lock counts as left behind. */
const STALE_MS = 30_000;
const LOOK_MS = 250;

/**
 * Runs one piece of work while no other process on this machine runs it under the same lock file.
 *
 * It saves work and nothing else: where two processes take over a stale lock at the same moment both go on, so the work
 * must also be right when it is done twice at once.
 *
 * @param waiting called once when another process holds the lock
 */
export async function withLock<Result>(
  path: string,
  options: { readonly waiting: (holder: string) => void; readonly signal: AbortSignal },
  work: () => Promise<Result>,
): Promise<Result> {
  let waited = false;
  while (!(await acquire(path))) {
    if (await isStale(path)) {
      await rm(path, { force: true });
      continue;
    }
    if (!waited) options.waiting(await readFile(path, 'utf8').catch(() => 'another process'));
    waited = true;
    await delay(LOOK_MS, undefined, { signal: options.signal });
  }
  const beat = setInterval(() => {
    const now = new Date();
    // The work goes on even where its lock has been removed by hand.
    utimes(path, now, now).catch(() => undefined);
  }, BEAT_MS);
  beat.unref();
  try {
    return await work();
  } finally {
    clearInterval(beat);
    await rm(path, { force: true });
  }
}

async function acquire(path: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx');
    await file.writeFile(`process ${process.pid}`);
    await file.close();
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

async function isStale(path: string): Promise<boolean> {
  try {
    return Date.now() - (await stat(path)).mtimeMs > STALE_MS;
  } catch {
    // Released in between.
    return false;
  }
}
