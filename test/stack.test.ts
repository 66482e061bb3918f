import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RunningServers, startServers } from '../stack/servers.ts';
import { createObjects } from '../stores/objects/minio.ts';
import { basic, startOwnServices, useStack } from './context.ts';

const MAIN = fileURLToPath(new URL('../stack/main.ts', import.meta.url));

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'waybill-stack-'));
  await chmod(directory, 0o711);
});
afterEach(() => rm(directory, { recursive: true, force: true }));

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function withClient<Result>(servers: RunningServers, work: (client: pg.Client) => Promise<Result>) {
  const client = new pg.Client({ connectionString: servers.settings.WAYBILL_LEDGER_URL });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

describe('servers', () => {
  it('come back after kill -9 on the same port and data, and leave nothing running', async () => {
    const crashes: string[] = [];
    const servers = await startServers({
      ports: 'free',
      dataDirectory: directory,
      environment: useStack().environment,
      report: () => undefined,
      line: () => undefined,
      crashed: (name) => crashes.push(name),
      signal: new AbortController().signal,
    });
    const { postgres, minio, temporal, mail, settings } = servers;
    try {
      await withClient(servers, (client) => client.query('create table kept as select 42 as answer'));
      const objects = createObjects({
        url: settings.WAYBILL_OBJECTS_URL,
        region: settings.WAYBILL_OBJECTS_REGION,
        bucket: settings.WAYBILL_OBJECTS_BUCKET,
        accessKey: settings.WAYBILL_OBJECTS_ACCESS_KEY,
        secretKey: settings.WAYBILL_OBJECTS_SECRET_KEY,
      });
      await objects.prepare();
      await objects.put('kept', Buffer.from('42'), 'text/plain');
      for (const server of [postgres, minio, temporal, mail]) {
        await server.kill('SIGKILL');
        expect(server.pid, server.name).toBeUndefined();
        await server.start();
      }
      const { rows } = await withClient(servers, (client) => client.query('select answer from kept'));
      expect(rows).toEqual([{ answer: 42 }]);
      expect(Buffer.from((await objects.get('kept')) ?? []).toString()).toBe('42');
      expect(crashes).toEqual([]);
    } finally {
      const pids = [postgres, minio, temporal, mail].map(({ pid }) => pid ?? 0);
      await servers.stop();
      expect(pids.filter((pid) => pid > 0 && isAlive(pid))).toEqual([]);
    }
  });
});

describe('npm start', () => {
  it('names busy ports and their settings, and starts nothing', async () => {
    const { ports, environment } = useStack();
    const busy = {
      WAYBILL_STACK_OBJECTS_PORT: String(ports.objects),
      WAYBILL_STACK_POSTGRES_PORT: String(ports.postgres),
    };
    const child = spawn(process.execPath, [MAIN], {
      env: { ...environment, ...busy, WAYBILL_STACK_DATA: join(directory, 'data') },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
    expect(code).toBe(1);
    expect(said).toContain(`${ports.objects} (MinIO) is in use by another process: set WAYBILL_STACK_OBJECTS_PORT`);
    expect(said).toContain(
      `${ports.postgres} (PostgreSQL) is in use by another process: set WAYBILL_STACK_POSTGRES_PORT`,
    );
    expect(await readdir(directory)).toEqual([]);
  });
});

describe('services of a test', () => {
  it('have a ledger of their own, and a worker that comes back after kill -9', async () => {
    const services = await startOwnServices();
    try {
      await services.worker.kill('SIGKILL');
      await services.worker.start();
      const response = await fetch(`${services.url}/exports`, { headers: { authorization: basic() } });
      expect(await response.json()).toEqual({ items: [], next: null });
    } finally {
      await services.stop();
    }
    expect(services.worker.pid).toBeUndefined();
  });
});
