import { LOOPBACK } from '../stack/ports.ts';

import type { Supervisor } from '../stack/supervisor.ts';
import { type Direction, startToxiproxy, type Toxic } from '../stack/toxiproxy.ts';
import { QUIET } from './programs.ts';

/** The connections to the servers, and of callers to the API. */
export const LINKS = ['objects', 'ledger', 'temporal', 'mail', 'api'] as const;
export type Link = (typeof LINKS)[number];

/** Segments as on an Ethernet. */
export const ETHERNET: Toxic = { type: 'slicer', average_size: 1400, delay: 1 };

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
  const toxiproxy = await startToxiproxy({ ...QUIET, supervisor, environment });
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
