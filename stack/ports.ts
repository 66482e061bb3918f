import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import getPort, { portNumbers } from 'get-port';

/** What listens on each port, the setting that changes it and its default. All listen on loopback only. */
export const PORT_USES = {
  api: { use: 'API and portal', setting: 'WAYBILL_STACK_API_PORT', port: 8080 },
  workerHealth: { use: "worker's health", setting: 'WAYBILL_STACK_WORKER_HEALTH_PORT', port: 8081 },
  sftp: { use: 'SFTP gateway', setting: 'WAYBILL_STACK_SFTP_PORT', port: 2222 },
  sftpHealth: { use: "SFTP gateway's health", setting: 'WAYBILL_STACK_SFTP_HEALTH_PORT', port: 8082 },
  temporal: { use: 'Temporal', setting: 'WAYBILL_STACK_TEMPORAL_PORT', port: 7233 },
  temporalUi: { use: "Temporal's web pages", setting: 'WAYBILL_STACK_TEMPORAL_UI_PORT', port: 8233 },
  objects: { use: 'MinIO', setting: 'WAYBILL_STACK_OBJECTS_PORT', port: 9000 },
  objectsConsole: { use: "MinIO's console", setting: 'WAYBILL_STACK_OBJECTS_CONSOLE_PORT', port: 9001 },
  postgres: { use: 'PostgreSQL', setting: 'WAYBILL_STACK_POSTGRES_PORT', port: 5433 },
  smtp: { use: 'mail catcher (SMTP)', setting: 'WAYBILL_STACK_SMTP_PORT', port: 1025 },
  mail: { use: "mail catcher's web pages", setting: 'WAYBILL_STACK_MAIL_PORT', port: 1080 },
} as const;

export type PortName = keyof typeof PORT_USES;
export type StackPorts = Readonly<Record<PortName, number>>;

export const LOOPBACK = '127.0.0.1';

export const PORT_NAMES = Object.keys(PORT_USES) as readonly PortName[];

/**
 * Free ports are chosen below the ephemeral range, because an outgoing connection could take a port of that range
 * before it is used. A process takes them from a block of its own: it holds the block by listening on its first port,
 * so that no two processes are given the same port, however long one takes until it listens.
 */
const FREE = { from: 15_000, to: 32_000, blockSize: 200 };

/** @returns ports that are free now, all different */
export async function freePorts(): Promise<StackPorts> {
  const ports = await Promise.all(PORT_NAMES.map(async (name) => [name, await freePort()] as const));
  return Object.fromEntries(ports) as StackPorts;
}

/** @returns one port that is free now, and that neither this process nor another one is given again while this one runs */
export async function freePort(): Promise<number> {
  block ??= takeBlock();
  const first = await block;
  return getPort({ host: LOOPBACK, port: portNumbers(first + 1, first + FREE.blockSize - 1), reserve: true });
}

/** The first port of this process's block. */
let block: Promise<number> | undefined;

async function takeBlock(): Promise<number> {
  const blocks = (FREE.to - FREE.from) / FREE.blockSize;
  const start = randomInt(blocks);
  for (let step = 0; step < blocks; step += 1) {
    const first = FREE.from + ((start + step) % blocks) * FREE.blockSize;
    const server = await listen(first);
    server?.unref();
    if (server) return first;
  }
  throw new Error(`Every block of ${FREE.blockSize} ports from ${FREE.from} to ${FREE.to} is in use.`);
}

/** @throws Error that names every port that is taken or given twice, its use and the setting that changes it */
export async function requireFree(ports: StackPorts): Promise<void> {
  const problems: string[] = [];
  for (const name of PORT_NAMES) {
    const twin = PORT_NAMES.find((other) => other !== name && ports[other] === ports[name]);
    if (twin === undefined && (await isFree(ports[name]))) continue;
    const why = twin === undefined ? 'is in use by another process' : `is also given to ${PORT_USES[twin].use}`;
    problems.push(`  ${ports[name]} (${PORT_USES[name].use}) ${why}: set ${PORT_USES[name].setting} to another port`);
  }
  if (problems.length > 0) throw new Error(`The stack cannot use these ports:\n${problems.join('\n')}`);
}

async function isFree(port: number): Promise<boolean> {
  await using server = await listen(port);
  return server !== undefined;
}

/** @returns a listening server, or `undefined` if the port is taken or not permitted */
async function listen(port: number): Promise<Server | undefined> {
  const server = createServer().listen(port, LOOPBACK);
  try {
    await once(server, 'listening');
    return server;
  } catch (error) {
    if (['EADDRINUSE', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
