import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { freePort, freePorts, LOOPBACK, requireFree } from './ports.ts';

describe('freePorts', () => {
  it('gives each use a port of its own that can be listened on', async () => {
    const ports = await freePorts();
    expect(new Set(Object.values(ports)).size).toBe(Object.values(ports).length);
    await expect(requireFree(ports)).resolves.toBeUndefined();
  });
});

describe('freePort', () => {
  it('gives no two processes the same port, although nobody listens on it yet', async () => {
    const program =
      "const { freePort } = await import('./stack/ports.ts');" +
      'for (let count = 0; count < 50; count += 1) console.log(await freePort()); process.stdin.resume();';
    const others = Array.from({ length: 4 }, () =>
      spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['pipe', 'pipe', 'inherit'] }),
    );
    try {
      const given = await Promise.all(others.map(({ stdout }) => firstLines(stdout, 50)));
      expect(new Set(given.flat()).size).toBe(4 * 50);
    } finally {
      for (const other of others) other.stdin.end();
    }
  });
});

async function firstLines(output: Readable, count: number): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const line of createInterface({ input: output })) {
    lines.push(line);
    if (lines.length === count) break;
  }
  return lines;
}

describe('requireFree', () => {
  it('names the port that is taken, what it was for and the setting that changes it', async () => {
    const server = createServer().listen(0, LOOPBACK);
    await once(server, 'listening');
    const address = server.address();
    const taken = typeof address === 'object' && address ? address.port : 0;
    try {
      await expect(requireFree({ ...(await freePorts()), objects: taken })).rejects.toThrow(
        `${taken} (MinIO) is in use by another process: set WAYBILL_STACK_OBJECTS_PORT to another port`,
      );
    } finally {
      server.close();
    }
  });

  it('names both uses of a port that is given twice', async () => {
    const port = await freePort();
    const clash = requireFree({ ...(await freePorts()), api: port, mail: port });
    await expect(clash).rejects.toThrow(`${port} (API and portal) is also given to mail catcher's web pages`);
    await expect(clash).rejects.toThrow('WAYBILL_STACK_MAIL_PORT');
  });
});
