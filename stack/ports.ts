import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';

/** What listens on each port, and the setting that moves it. All listen on loopback only. */
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
 * Where free ports are looked for: below those that systems give to outgoing connections, because one of these could
 * take the port between the choice and its use.
 */
const FREE = { from: 15_000, to: 32_000 };
const FREE_TRIES = 100;

/** @returns ports that were free a moment ago; all are held at once while choosing, so that they differ */
export async function freePorts(): Promise<StackPorts> {
  const held = await Promise.all(portNames.map(async (name) => ({ name, ...(await holdFree()) })));
  await Promise.all(held.map(({ server }) => close(server)));
  return Object.fromEntries(held.map(({ name, port }) => [name, port])) as StackPorts;
}

/** @returns one port that was free a moment ago */
export async function freePort(): Promise<number> {
  const { port, server } = await holdFree();
  await close(server);
  return port;
}

async function holdFree(): Promise<{ readonly port: number; readonly server: Server }> {
  for (let tries = 0; tries < FREE_TRIES; tries += 1) {
    const port = randomInt(FREE.from, FREE.to);
    const server = await listen(port);
    if (server) return { port, server };
  }
  throw new Error(`No port between ${FREE.from} and ${FREE.to} is free.`);
}

/** @throws Error that names every port that is taken, or given twice, what it was for and the setting that changes it. */
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

async function isFree(port: number): Promise<boolean> {
  const server = await listen(port);
  if (server) await close(server);
  return server !== undefined;
}

/** @returns `undefined` when the port is taken */
function listen(port: number): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(undefined);
      else reject(error);
    });
    server.listen(port, LOOPBACK, () => resolve(server));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
