import { freePort, LOOPBACK } from '../stack/ports.ts';
import { answersOk } from '../stack/server-processes.ts';
import type { Supervisor } from '../stack/supervisor.ts';
import { programPath } from './programs.ts';

/** The connections to the servers, and of callers to the API. */
export const LINKS = ['objects', 'ledger', 'temporal', 'mail', 'api'] as const;
export type Link = (typeof LINKS)[number];

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

/** Segments as on an Ethernet. */
export const ETHERNET: Toxic = { type: 'slicer', average_size: 1400, delay: 1 };

type Direction = 'from-server' | 'to-server';

/** Proxies between services and their servers, and between callers and the API. */
export interface Network {
  /** Base URL of the API through the network. */
  readonly url: string;
  /** Settings that connect a service through the network. */
  readonly settings: Readonly<Record<string, string>>;
  /** Disturbs open and new connections until {@link calm}. */
  disturb(link: Link, toxic: Toxic, directions?: readonly Direction[]): Promise<void>;
  /** Ends the disturbances of a link, or only those of one type. */
  calm(link: Link, type?: Toxic['type']): Promise<void>;
  /** Closes all connections of a link and refuses new ones, or accepts them again. */
  cut(link: Link): Promise<void>;
  mend(link: Link): Promise<void>;
}

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

/** @param supervisor ends it */
export async function startToxiproxy(
  supervisor: Supervisor,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Toxiproxy> {
  const control = await freePort();
  const api = `http://${LOOPBACK}:${control}`;
  await supervisor.start({
    name: 'network',
    command: await programPath('toxiproxy', environment),
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

/**
 * Starts Toxiproxy with a proxy to each server.
 *
 * @param supervisor ends the proxy
 * @param settings of a service; they name the servers
 */
export async function startNetwork(
  supervisor: Supervisor,
  settings: Readonly<Record<string, string>>,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Network> {
  const toxiproxy = await startToxiproxy(supervisor, environment);
  const ports = new Map<Link, number>();
  for (const link of LINKS) ports.set(link, await toxiproxy.add(link, addressOf(link, settings)));

  return {
    url: `http://${LOOPBACK}:${ports.get('api')}`,
    settings: throughPorts(settings, ports),
    disturb: toxiproxy.disturb,
    calm: toxiproxy.calm,
    cut: (link) => toxiproxy.enable(link, false),
    mend: (link) => toxiproxy.enable(link, true),
  };
}

const URL_SETTINGS = {
  objects: 'WAYBILL_OBJECTS_URL',
  ledger: 'WAYBILL_LEDGER_URL',
  mail: 'WAYBILL_SMTP_URL',
} as const;

function settingOf(settings: Readonly<Record<string, string>>, name: string): string {
  const value = settings[name];
  if (value === undefined) throw new Error(`the service has no ${name}`);
  return value;
}

function addressOf(link: Link, settings: Readonly<Record<string, string>>): string {
  if (link === 'temporal') return settingOf(settings, 'WAYBILL_TEMPORAL_ADDRESS');
  if (link === 'api') return `${LOOPBACK}:${settingOf(settings, 'WAYBILL_API_PORT')}`;
  return new URL(settingOf(settings, URL_SETTINGS[link])).host;
}

function throughPorts(settings: Readonly<Record<string, string>>, ports: ReadonlyMap<Link, number>) {
  const entries = Object.entries(URL_SETTINGS).map(([link, name]) => {
    const port = String(ports.get(link as keyof typeof URL_SETTINGS));
    const url = new URL(settingOf(settings, name));
    url.port = port;
    return [name, url.href.replace(/\/$/, '')] as const;
  });
  return { ...Object.fromEntries(entries), WAYBILL_TEMPORAL_ADDRESS: `${LOOPBACK}:${ports.get('temporal')}` };
}
