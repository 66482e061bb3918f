import { createHash } from 'node:crypto';
import { chown, cp, mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { execa } from 'execa';
import pg from 'pg';
import { LOOPBACK } from './ports.ts';
import type { Environment, Identity, ProcessSpec, Readiness } from './process.ts';
import { DEMO } from './settings.ts';

const DATABASE = 'waybill';

/**
 * Where root puts files for the user that PostgreSQL runs as, if that user cannot reach the original: root's home
 * directory, for example, is closed to others.
 */
const REACHABLE = '/var/lib/waybill';

/** @returns the connection URL of the ledger's database */
export function postgresUrl(port: number, database = DATABASE): string {
  return `postgres://${DEMO.postgresUser}:${DEMO.postgresPassword}@${LOOPBACK}:${port}/${database}`;
}

/** Creates the database cluster if it is missing. @returns how to start its server */
export async function postgresProcess(options: {
  /** Path of `postgres`; `initdb` lies beside it. */
  readonly executable: string;
  /** Absolute; created if it is missing. */
  readonly directory: string;
  readonly port: number;
  readonly environment: Environment;
  readonly report: (line: string) => void;
}): Promise<ProcessSpec> {
  const { port, environment, report } = options;
  const identity = await findUnprivileged(environment);
  const executable = await reachableExecutable(options.executable, identity);
  const directory = await reachableDirectory(options.directory, identity, report);
  const made = await readFile(join(directory, 'PG_VERSION'), 'utf8').catch(() => undefined);
  if (made === undefined) {
    await initialise(join(dirname(executable), 'initdb'), directory, identity, environment);
  } else {
    const major = majorOf(await printed(executable, ['--version'], { env: environment }));
    if (made.trim() !== major) {
      throw new Error(
        `${directory} was created by PostgreSQL ${made.trim()}, but ${executable} is version ${major}: set WAYBILL_STACK_POSTGRES_BIN to that version, or move the directory away`,
      );
    }
  }
  return {
    name: 'postgres',
    command: executable,
    arguments: [
      ...['-D', directory, '-p', String(port)],
      ...['-c', `listen_addresses=${LOOPBACK}`, '-c', 'unix_socket_directories=', '-c', 'log_min_messages=warning'],
    ],
    environment,
    identity,
    // SIGTERM would wait until every client has disconnected.
    stopSignal: 'SIGINT',
    graceMs: 10_000,
    readyMs: 30_000,
    ready: readinessCheck(port, report),
    retryWhen: /pre-existing shared memory block|lock file "postmaster.pid" is empty/,
  };
}

/** SQLSTATE `cannot_connect_now`: the server starts, recovers or shuts down. */
const CANNOT_CONNECT_NOW = '57P03';

/** Milliseconds of recovery before it is reported; every start takes some. */
const UNREPORTED_MS = 1_000;

/** @returns a readiness check that reports a long recovery once */
function readinessCheck(port: number, report: (line: string) => void): () => Promise<Readiness> {
  let since: number | undefined;
  let reported = false;
  return async () => {
    try {
      await prepareDatabase(port, DATABASE);
      since = undefined;
      reported = false;
      return true;
    } catch (error) {
      if (!(error instanceof pg.DatabaseError) || error.code !== CANNOT_CONNECT_NOW) throw error;
      since ??= Date.now();
      if (!reported && Date.now() - since > UNREPORTED_MS) {
        reported = true;
        report('postgres: recovers its data and accepts no connections yet; waiting');
      }
      return 'recovering';
    }
  };
}

/** Creates a database if it is missing. @returns `true`; rejects while the server does not answer */
export async function prepareDatabase(port: number, name: string): Promise<boolean> {
  const client = await connect(port, 'postgres');
  try {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [name]);
    if (rowCount === 0) await client.query(`create database ${client.escapeIdentifier(name)}`);
    return true;
  } finally {
    await client.end();
  }
}

/** @returns `true`; rejects while the server does not answer */
export async function answersPostgres(port: number): Promise<boolean> {
  const client = await connect(port, DATABASE);
  await client.end();
  return true;
}

async function connect(port: number, database: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: postgresUrl(port, database), connectionTimeoutMillis: 2_000 });
  // A connection that breaks while idle must not end this process.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function initialise(
  initdb: string,
  directory: string,
  identity: Identity | undefined,
  environment: Environment,
): Promise<void> {
  const partial = `${directory}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true, mode: 0o700 });
  const passwordFile = `${directory}.password`;
  try {
    await writeFile(passwordFile, `${DEMO.postgresPassword}\n`, { mode: 0o600 });
    if (identity) {
      for (const path of [partial, passwordFile]) await chown(path, identity.uid, identity.gid);
    }
    await printed(
      initdb,
      [
        ...['-D', partial, '--username', DEMO.postgresUser, '--pwfile', passwordFile, '--auth', 'scram-sha-256'],
        ...['--encoding', 'UTF8', '--locale', 'C', '--no-sync'],
      ],
      { env: environment, ...identity },
    );
  } finally {
    await rm(passwordFile, { force: true });
  }
  await rename(partial, directory);
}

/** @returns `18` for `postgres (PostgreSQL) 18.4` */
function majorOf(version: string): string {
  return /\) (\d+)/.exec(version)?.[1] ?? version.trim();
}

/** Users to run PostgreSQL as if this process is root, which PostgreSQL refuses. */
const USERS = ['postgres', 'nobody'];

/** @returns the user to run PostgreSQL as; `undefined` is the user of this process */
async function findUnprivileged(environment: Environment): Promise<Identity | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  for (const user of USERS) {
    try {
      const [uid, gid] = await Promise.all(
        ['-u', '-g'].map((flag) => printed('id', [flag, user], { env: environment })),
      );
      return { uid: Number(uid), gid: Number(gid) };
    } catch {
      // No such user here.
    }
  }
  throw new Error(
    `PostgreSQL does not run as root, and there is no user ${USERS.join(' or ')}: start the stack as another user`,
  );
}

async function reachableExecutable(executable: string, identity: Identity | undefined): Promise<string> {
  if (!identity || (await canReach(executable, identity))) return executable;
  // bin/postgres finds ../share and ../lib relative to itself, so the whole tree is copied.
  const root = dirname(dirname(executable));
  const copy = join(REACHABLE, `postgres-${digest(root)}`);
  const target = join(copy, 'bin', basename(executable));
  if (!(await canReach(target, identity))) throw new Error(unreachable(executable));
  const version = (path: string) => printed(path, ['--version'], { env: {} }).catch(() => undefined);
  if ((await version(target)) !== (await version(executable))) {
    await rm(copy, { recursive: true, force: true });
    await mkdir(REACHABLE, { recursive: true });
    const partial = await mkdtemp(join(REACHABLE, '.partial-'));
    await cp(root, join(partial, 'tree'), { recursive: true, verbatimSymlinks: true });
    await rename(join(partial, 'tree'), copy);
    await rm(partial, { recursive: true });
  }
  return target;
}

async function reachableDirectory(
  directory: string,
  identity: Identity | undefined,
  report: (line: string) => void,
): Promise<string> {
  if (!identity || (await canReach(directory, identity))) return directory;
  const other = join(REACHABLE, `data-${digest(directory)}`);
  if (!(await canReach(other, identity))) throw new Error(unreachable(directory));
  report(`postgres: does not run as root, and no other user can reach ${directory}; its data is in ${other}`);
  await mkdir(REACHABLE, { recursive: true });
  return other;
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

function unreachable(path: string): string {
  return `PostgreSQL does not run as root, and no other user can reach ${path}: start the stack as another user, or from a directory that others may enter`;
}

/** @returns the standard output of a command. @throws ExecaError with what it wrote, if it fails */
async function printed(
  command: string,
  words: readonly string[],
  options: Partial<Identity> & { readonly env: Environment },
): Promise<string> {
  const { stdout } = await execa(command, words, { ...options, extendEnv: false, stdin: 'ignore' });
  return stdout;
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}
