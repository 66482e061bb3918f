import { getProgram } from './find.ts';
import { freePort, LOOPBACK } from './ports.ts';
import type { Environment } from './process.ts';
import { answersOk } from './server-processes.ts';
import type { Supervisor } from './supervisor.ts';

/** A disturbance of one direction of a link, as Toxiproxy's documentation describes it. */
export type Toxic =
  /** Cuts the stream into segments of this many bytes, with a pause in microseconds after each. */
  | { readonly type: 'slicer'; readonly average_size: number; readonly delay: number }
  /** Milliseconds. */
  | { readonly type: 'latency'; readonly latency: number; readonly jitter?: number }
  /** Kilobytes a second. */
  | { readonly type: 'bandwidth'; readonly rate: number }
  /** Passes nothing on. @param timeout milliseconds until the connection is closed; 0: never */
  | { readonly type: 'timeout'; readonly timeout: number }
  /** Resets the connection after this many milliseconds. */
  | { readonly type: 'reset_peer'; readonly timeout: number };

export type Direction = 'from-server' | 'to-server';

/** Toxiproxy, running. */
export interface Toxiproxy {
  /** Adds a proxy. @param upstream host and port @returns the port on loopback that leads there */
  add(name: string, upstream: string): Promise<number>;
  /** Disturbs open and new connections until {@link calm}. */
  disturb(name: string, toxic: Toxic, directions?: readonly Direction[]): Promise<void>;
  /** Ends the disturbances, or only those of one type. */
  calm(name: string, type?: Toxic['type']): Promise<void>;
  /** Whether connections are accepted; open ones are closed if not. */
  enable(name: string, enabled: boolean): Promise<void>;
}

/** @param options.supervisor ends it */
export async function startToxiproxy({
  supervisor,
  environment,
  report,
  signal,
}: {
  readonly supervisor: Supervisor;
  readonly environment: Environment;
  readonly report: (line: string) => void;
  readonly signal: AbortSignal;
}): Promise<Toxiproxy> {
  const control = await freePort();
  const api = `http://${LOOPBACK}:${control}`;
  await supervisor.start({
    name: 'network',
    command: (await getProgram('toxiproxy', { environment, report, signal })).path,
    arguments: ['-host', LOOPBACK, '-port', String(control)],
    environment,
    identity: undefined,
    stopSignal: 'SIGTERM',
    graceMs: 5_000,
    readyMs: 20_000,
    ready: () => answersOk(`${api}/version`),
    retryWhen: undefined,
  });

  async function ask(method: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await fetch(`${api}${path}`, {
      method,
      ...(body !== undefined && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`Toxiproxy answered ${answer.status} to ${method} ${path}: ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }

  return {
    async add(name, upstream) {
      const port = await freePort();
      await ask('POST', '/proxies', { name, listen: `${LOOPBACK}:${port}`, upstream, enabled: true });
      return port;
    },
    async disturb(name, { type, ...attributes }, directions = ['from-server', 'to-server']) {
      for (const direction of directions) {
        const stream = direction === 'from-server' ? 'downstream' : 'upstream';
        await ask('POST', `/proxies/${name}/toxics`, { name: `${type}-${stream}`, type, stream, attributes });
      }
    },
    async calm(name, type) {
      const toxics = (await ask('GET', `/proxies/${name}/toxics`)) as readonly { name: string; type: string }[];
      for (const toxic of toxics) {
        if (type === undefined || toxic.type === type) await ask('DELETE', `/proxies/${name}/toxics/${toxic.name}`);
      }
    },
    async enable(name, enabled) {
      await ask('POST', `/proxies/${name}`, { enabled });
    },
  };
}
