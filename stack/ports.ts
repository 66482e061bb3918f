import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import getPort, { portNumbers } from 'get-port';

/** What listens on each port, and the setting that changes it. All listen on loopback only. */
export const PORT_USES = {
  api: { use: 'API and portal', setting: 'WAYBILL_STACK_API_PORT' },
  workerHealth: { use: "worker's health", setting: 'WAYBILL_STACK_WORKER_HEALTH_PORT' },
  temporal: { use: 'Temporal', setting: 'WAYBILL_STACK_TEMPORAL_PORT' },
  temporalUi: { use: "Temporal's web pages", setting: 'WAYBILL_STACK_TEMPORAL_UI_PORT' },
  objects: { use: 'MinIO', setting: 'WAYBILL_STACK_OBJECTS_PORT' },
  objectsConsole: { use: "MinIO's console", setting: 'WAYBILL_STACK_OBJECTS_CONSOLE_PORT' },
  postgres: { use: 'PostgreSQL', setting: 'WAYBILL_STACK_POSTGRES_PORT' },
  smtp: { use: 'mail catcher (SMTP)', setting: 'WAYBILL_STACK_SMTP_PORT' },
  mail: { use: "mail catcher's web pages", setting: 'WAYBILL_STACK_MAIL_PORT' },
} as const;

export type PortName = keyof typeof PORT_USES;
export type StackPorts = Readonly<Record<PortName, number>>;

export const LOOPBACK = '127.0.0.1';

const portNames = Object.keys(PORT_USES) as readonly PortName[];

/**
 * Free ports are chosen below the ephemeral range, because an outgoing connection could take a port of that range
 * before it is used.
 */
const FREE = { from: 15_000, to: 32_000 };
/** Ports tried in one search. It starts at a random port, so that two processes seldom choose the same one. */
const FREE_TRIES = 1_000;

/** @returns ports that were free a moment ago, all different */
export async function freePorts(): Promise<StackPorts> {
  const ports = await Promise.all(portNames.map(async (name) => [name, await freePort()] as const));
  return Object.fromEntries(ports) as StackPorts;
}

/** @returns one port that was free a moment ago; for the next 15 seconds this process is not given it again */
export function freePort(): Promise<number> {
  const first = randomInt(FREE.from, FREE.to - FREE_TRIES);
  return getPort({ host: LOOPBACK, port: portNumbers(first, first + FREE_TRIES) });
}

/** @throws Error that names every port that is taken or given twice, its use and the setting that changes it */
export async function requireFree(ports: StackPorts): Promise<void> {
  const problems: string[] = [];
  for (const name of portNames) {
    const twin = portNames.find((other) => other !== name && ports[other] === ports[name]);
    const busy = twin === undefined && !(await isFree(ports[name]));
    if (twin === undefined && !busy) continue;
    const why = twin === undefined ? 'is in use by another process' : `is also given to ${PORT_USES[twin].use}`;
    problems.push(`  ${ports[name]} (${PORT_USES[name].use}) ${why}: set ${PORT_USES[name].setting} to another port`);
  }
  if (problems.length > 0) throw new Error(`The stack cannot have these ports:\n${problems.join('\n')}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
      else reject(error);
    });
    server.listen(port, LOOPBACK, () => server.close(() => resolve(true)));
  });
}
