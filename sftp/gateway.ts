import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { createNetworks, normalAddress } from '../config/networks.ts';
import type { Login } from './auth.ts';
import { type ConnectionDeps, type OpenConnection, serveConnection } from './connection.ts';
import { takeProxyHeader } from './proxy-header.ts';

/** Connections that may be logging in at once, on top of the sessions. */
const LOGGING_IN_MAX = 64;

export interface GatewayOptions extends Omit<ConnectionDeps, 'admit'> {
  readonly sessionsMax: number;
  readonly tenantSessionsMax: number;
  /** Networks of proxies; the PROXY protocol is required from them, and accepted from nobody else. */
  readonly trustedProxies: readonly string[];
  readonly logger: Logger;
}

/** The SFTP gateway. */
export interface Gateway {
  readonly port: number;
  readonly sessions: number;
  /** Takes no more connections, waits until no file is open, at most so many milliseconds, and closes all of them. */
  close(graceMs: number): Promise<void>;
}

/** @throws the error of `net.Server` if it cannot listen */
export async function startGateway(options: GatewayOptions, host: string, port: number): Promise<Gateway> {
  const { logger, sessionsMax, tenantSessionsMax } = options;
  const proxies = createNetworks(options.trustedProxies);
  const sockets = new Set<Socket>();
  const open = new Map<Socket, OpenConnection>();
  const logins = new Map<Socket, string>();

  function admit(socket: Socket, { tenant }: Login): boolean {
    const ofTenant = [...logins.values()].filter((other) => other === tenant).length;
    if (logins.size >= sessionsMax || ofTenant >= tenantSessionsMax || socket.destroyed) return false;
    logins.set(socket, tenant);
    return true;
  }

  async function accept(socket: Socket): Promise<void> {
    // Until the SSH library listens; it then reports errors of its own.
    socket.on('error', () => undefined);
    if (sockets.size - logins.size >= LOGGING_IN_MAX) {
      logger.warn('too many SFTP clients are logging in');
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.once('close', () => {
      sockets.delete(socket);
      open.delete(socket);
      logins.delete(socket);
    });
    const peer = normalAddress(socket.remoteAddress ?? '') ?? 'unknown';
    const address = proxies.has(peer) ? await proxiedAddress(socket, peer) : peer;
    if (address === undefined || socket.destroyed) {
      socket.destroy();
      return;
    }
    open.set(socket, serveConnection(socket, address, { ...options, admit: (login) => admit(socket, login) }));
  }

  async function proxiedAddress(socket: Socket, proxy: string): Promise<string | undefined> {
    const timer = setTimeout(() => socket.destroy(), options.limits.loginMs);
    const address = await takeProxyHeader(socket);
    clearTimeout(timer);
    if (address === undefined) logger.warn({ proxy }, 'a proxy sent no valid PROXY header');
    return address === null ? proxy : address;
  }

  const server = createServer((socket) => void accept(socket));
  server.listen(port, host);
  await once(server, 'listening');

  return {
    port: (server.address() as AddressInfo).port,
    get sessions() {
      return logins.size;
    },
    async close(graceMs) {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) if (!open.has(socket)) socket.destroy();
      for (const connection of open.values()) connection.endWhenIdle();
      const finished = new AbortController();
      await Promise.race([closed, delay(graceMs, undefined, { signal: finished.signal })]);
      finished.abort();
      for (const connection of open.values()) connection.end();
      await closed;
    },
  };
}
