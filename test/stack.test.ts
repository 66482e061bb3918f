import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { beforeEach, describe, expect, it } from 'vitest';
import { ATTACHMENTS_BUCKET, prepareAttachments } from '../stack/samples.ts';
import { type RunningServers, startServers } from '../stack/servers.ts';
import { openBucket } from './bucket.ts';
import { temporaryFolder } from './cleanup.ts';
import { basic, startOwnServices, useStack } from './context.ts';
import { QUIET } from './programs.ts';

const MAIN = fileURLToPath(new URL('../stack/main.ts', import.meta.url));

let directory: string;
beforeEach(async () => {
  directory = await temporaryFolder();
});

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
      ...QUIET,
      ports: 'free',
      dataDirectory: directory,
      environment: useStack().environment,
      crashed: (name) => crashes.push(name),
    });
    const { postgres, minio, temporal, mail, settings } = servers;
    try {
      await withClient(servers, (client) => client.query('create table kept as select 42 as answer'));
      const objects = openBucket(settings);
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

describe('own services', () => {
  it('have their own ledger, and a worker that can be restarted after kill -9', async () => {
    const services = await startOwnServices();
    await services.worker.kill('SIGKILL');
    await services.worker.start();
    const response = await fetch(`${services.url}/exports`, { headers: { authorization: basic() } });
    expect(await response.json()).toEqual({ items: [], next: null });
    await services.stop();
    expect(services.worker.pid).toBeUndefined();
  });
});

describe('attachments of the sample survey', () => {
  it('are in a bucket of their own, and a missing one is put back without touching the others', async () => {
    const { settings } = useStack();
    const bucket = openBucket({ ...settings, WAYBILL_OBJECTS_BUCKET: ATTACHMENTS_BUCKET });
    const before = await Array.fromAsync(bucket.list('farm-survey/'));
    expect(before.length).toBeGreaterThan(10);
    const [removed, ...others] = before;
    await bucket.remove([removed?.key ?? '']);
    await prepareAttachments(settings);
    const after = await Array.fromAsync(bucket.list('farm-survey/'));
    expect(after[0]).toMatchObject({ key: removed?.key, bytes: removed?.bytes });
    expect(after.slice(1)).toEqual(others);
  });
});
