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

/** @returns ports that were free a moment ago; all are held at once while choosing, so that they differ. */
export async function freePorts(): Promise<StackPorts> {
  const held = await Promise.all(portNames.map(async (name) => ({ name, server: await listen(0) })));
  const ports = held.map(({ name, server }) => [name, portOf(server)] as const);
  await Promise.all(held.map(({ server }) => close(server)));
  return Object.fromEntries(ports) as StackPorts;
}

/** @returns one port that was free a moment ago */
export async function freePort(): Promise<number> {
  const server = await listen(0);
  const port = portOf(server);
  await close(server);
  return port;
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
  try {
    await close(await listen(port));
    return true;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EADDRINUSE' || code === 'EACCES') return false;
    throw error;
  }
}

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, LOOPBACK, () => resolve(server));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('The probe is not on a port.');
  return address.port;
}
