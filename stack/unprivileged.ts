import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { execa } from 'execa';
import type { Environment, Identity } from './process.ts';

/** Users to run PostgreSQL as if this process is root, which PostgreSQL refuses. */
const USERS = ['postgres', 'nobody'];

/** @returns the user to run PostgreSQL as; `undefined` is the user of this process */
export async function findUnprivileged(environment: Environment): Promise<Identity | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  for (const user of USERS) {
    try {
      const [uid, gid] = await Promise.all(['-u', '-g'].map((flag) => printId(flag, user, environment)));
      return { uid: Number(uid), gid: Number(gid) };
    } catch {
      // No such user here.
    }
  }
  throw new Error(
    `PostgreSQL does not run as root, and there is no user ${USERS.join(' or ')}: start the stack as another user`,
  );
}

async function printId(flag: string, user: string, environment: Environment): Promise<string> {
  const { stdout } = await execa('id', [flag, user], { env: environment, extendEnv: false });
  return stdout;
}

/** @returns whether a user may enter every directory above a path; missing directories count as enterable */
export async function canReach(path: string, { uid, gid }: Identity): Promise<boolean> {
  for (let directory = dirname(path); ; directory = dirname(directory)) {
    const found = await stat(directory).catch(() => undefined);
    if (found) {
      const execute = found.uid === uid ? 0o100 : found.gid === gid ? 0o010 : 0o001;
      if ((found.mode & execute) === 0) return false;
    }
    if (directory === dirname(directory)) return true;
  }
}
