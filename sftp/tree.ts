import { WaybillError } from '../contracts/failures.ts';
import { dayOf, daySeries } from '../contracts/keys.ts';
import { type Limits, mayUseDataset } from '../contracts/limits.ts';
import type { ManifestFile } from '../contracts/manifest.ts';
import { RECURRING } from '../contracts/recurring.ts';
import { runStatus } from '../contracts/run.ts';
import type { Ledger, Run } from '../stores/ledger/ports.ts';
import type { StoredRun } from '../stores/objects/manifests.ts';
import type { Named } from './packets.ts';
import type { OpenedRun } from './runs.ts';

/** What a file of the tree is read from. */
export type Content =
  | { readonly from: 'memory'; readonly bytes: Buffer }
  | { readonly from: 'store'; readonly stored: StoredRun; readonly file: ManifestFile };

/** A directory or file, by its absolute path. */
export type Node = Named & { readonly path: string } & (
    | { readonly kind: 'directory' }
    | { readonly kind: 'file'; readonly run: Run; readonly content: Content }
  );

/**
 * A tenant's deliveries as a tree of directories:
 *
 *     /exports/<tenant>/<year>/<month>/<day>/manifest.json, and signed: manifest.dsse.json
 *     /exports/<tenant>/<year>/<month>/<day>/<entity>/<entity>.csv, <entity>.csv.sha256
 *
 * A view of the ledger: a day appears, and is replaced, with the commit of its run. Nothing else exists.
 */
export interface Tree {
  /** Absolute path of the directory that a session starts in. */
  readonly home: string;
  /** @returns `undefined` if there is none. @throws WaybillError of the ledger and of `openManifest` */
  find(path: string): Promise<Node | undefined>;
  /** The entries of a directory, by name. @throws WaybillError like {@link find} */
  list(directory: Node): Promise<readonly Node[]>;
}

/** @param openRun reads the manifest of a run; may remember it, because a run never changes */
export function createTree(options: {
  readonly tenant: string;
  /** Files of other datasets do not exist in it, and neither does the manifest, which names them. */
  readonly limits: Limits;
  readonly ledger: Pick<Ledger, 'runs'>;
  readonly openRun: (run: Run) => Promise<OpenedRun>;
}): Tree {
  const { tenant, limits, ledger, openRun } = options;
  const home = `/exports/${tenant}`;

  /** Years, months or days: the next part of the dates that begin with `date`. */
  async function dates(path: string, date: string): Promise<readonly Node[]> {
    const newest = new Map<string, Date>();
    for (const run of await ledger.runs.listCurrent(tenant, RECURRING.kind)) {
      const day = dayOf(run);
      if (!day.startsWith(date)) continue;
      const [name = ''] = day.slice(date.length).split('-');
      const modifiedAt = run.endedAt ?? run.requestedAt;
      const known = newest.get(name);
      if (known === undefined || known < modifiedAt) newest.set(name, modifiedAt);
    }
    return [...newest]
      .map(([name, modifiedAt]) => directory(`${path}/${name}`, modifiedAt))
      .sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  /** Everything below a day, the directories of its entities first; empty if the day has no delivery. */
  async function delivery(path: string, day: string): Promise<readonly Node[]> {
    const run = await ledger.runs.current(tenant, daySeries(RECURRING.kind, tenant, day));
    if (!run || run.kind !== RECURRING.kind || runStatus(run, new Date()) !== 'completed') return [];
    let stored: OpenedRun;
    try {
      stored = await openRun(run);
    } catch (error) {
      // Removed since: the day was replaced, or has expired.
      if (error instanceof WaybillError && error.code === 'gone') return [];
      throw error;
    }
    const modifiedAt = run.endedAt ?? run.requestedAt;
    const seen = stored.manifest.files.filter(({ dataset }) => mayUseDataset(limits, dataset));
    const files = seen.flatMap((file): Node[] => {
      const at = `${path}/${entityOf(file)}/${file.file}`;
      const content: Content = { from: 'store', stored, file };
      const node: Node = { ...named(at), path: at, kind: 'file', bytes: file.bytes, modifiedAt, run, content };
      const sum = checksumOf(file);
      return sum ? [node, memoryFile(`${at}.sha256`, sum, run, modifiedAt)] : [node];
    });
    const { envelope } = stored;
    const envelopes = envelope
      ? [memoryFile(`${path}/manifest.dsse.json`, Buffer.from(JSON.stringify(envelope)), run, modifiedAt)]
      : [];
    const entities = [...new Set(seen.map(entityOf))].sort();
    const directories = entities.map((entity) => directory(`${path}/${entity}`, modifiedAt));
    if (limits.datasets !== null) return [...directories, ...files];
    return [
      ...directories,
      memoryFile(`${path}/manifest.json`, Buffer.from(stored.bytes), run, modifiedAt),
      ...envelopes,
      ...files,
    ];
  }

  async function children({ path }: Pick<Node, 'path'>): Promise<readonly Node[]> {
    const [, exports, owner, ...date] = path.split('/');
    if (path === '/') return [directory('/exports', await newestTime())];
    if (exports !== 'exports') return [];
    if (owner === undefined) return [directory(home, await newestTime())];
    if (owner !== tenant) return [];
    if (date.length < 3) return dates(path, date.map((part) => `${part}-`).join(''));
    const day = `${home}/${date.slice(0, 3).join('/')}`;
    const nodes = await delivery(day, date.slice(0, 3).join('-'));
    return nodes.filter((node) => parentOf(node.path) === path);
  }

  async function newestTime(): Promise<Date> {
    const times = (await ledger.runs.listCurrent(tenant, RECURRING.kind)).map(({ endedAt }) => endedAt?.getTime() ?? 0);
    return new Date(times.reduce((newest, time) => Math.max(newest, time), 0));
  }

  return {
    home,
    list: children,
    async find(path) {
      if (path === '/') return directory(path, await newestTime());
      // A tenant sees nothing else, so nothing else is looked for.
      if (!`${home}/`.startsWith(`${path}/`) && !path.startsWith(`${home}/`)) return undefined;
      return (await children({ path: parentOf(path) })).find((node) => node.path === path);
    },
  };
}

/**
 * @param cwd absolute
 * @returns the absolute path without `.`, `..`, empty parts and a slash at the end; `..` of the root is the root
 */
export function normalPath(path: string, cwd: string): string {
  const parts: string[] = [];
  for (const part of (path.startsWith('/') ? path : `${cwd}/${path}`).split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

function named(path: string): { readonly name: string } {
  return { name: path.slice(path.lastIndexOf('/') + 1) };
}

function directory(path: string, modifiedAt: Date): Node {
  return { ...named(path), path, kind: 'directory', bytes: 0, modifiedAt };
}

function memoryFile(path: string, bytes: Buffer, run: Run, modifiedAt: Date): Node {
  const content: Content = { from: 'memory', bytes };
  return { ...named(path), path, kind: 'file', bytes: bytes.length, modifiedAt, run, content };
}

/** `user` for `user.csv` and `user.deleted.csv`. */
function entityOf({ name }: ManifestFile): string {
  const [entity = name] = name.split('.', 1);
  return entity;
}

/** A line that `sha256sum -c` reads, or `undefined` if the hash of the file is unknown. */
function checksumOf({ file, parts, sha256 }: ManifestFile): Buffer | undefined {
  const [only, ...others] = parts;
  const hash = sha256 ?? (others.length === 0 ? only?.sha256 : undefined);
  return hash === undefined || hash === null ? undefined : Buffer.from(`${hash}  ${file}\n`);
}
