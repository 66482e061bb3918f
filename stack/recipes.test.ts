import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort, LOOPBACK } from './ports.ts';
import { digestOf, download } from './recipes.ts';

const CONTENT = 'an executable';
const SHA256 = createHash('sha256').update(CONTENT).digest('hex');
const signal = new AbortController().signal;

describe('download', () => {
  let server: Server;
  let directory: string;
  let port: number;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'waybill-download-'));
    server = createServer((request, response) => {
      response.writeHead(request.url === '/file' ? 200 : 410).end(CONTENT);
    }).listen(0, LOOPBACK);
    await once(server, 'listening');
    const address = server.address();
    port = typeof address === 'object' && address ? address.port : 0;
  });
  afterAll(async () => {
    server.close();
    await rm(directory, { recursive: true });
  });

  it('writes the file that was promised', async () => {
    const path = join(directory, 'file');
    await download(`http://${LOOPBACK}:${port}/file`, path, SHA256, signal);
    expect(await readFile(path, 'utf8')).toBe(CONTENT);
  });

  it.each([
    ['another file', '/file', 'f'.repeat(64), `has SHA-256 ${SHA256}, not ffff`],
    ['an answer that is none', '/gone', SHA256, 'answered 410'],
  ])('refuses %s', async (_, path, sha256, message) => {
    const target = join(directory, 'refused');
    await expect(download(`http://${LOOPBACK}:${port}${path}`, target, sha256, signal)).rejects.toThrow(message);
  });

  it('names the host that cannot be reached', async () => {
    const closed = await freePort();
    const target = join(directory, 'unreachable');
    await expect(download(`http://${LOOPBACK}:${closed}/file`, target, SHA256, signal)).rejects.toThrow(
      `${LOOPBACK}:${closed} cannot be reached`,
    );
  });
});

describe('digestOf', () => {
  const list = `${'a'.repeat(64)}  tool_1_linux_amd64.tar.gz\n${'b'.repeat(64)} *tool_1_linux_arm64.tar.gz\n`;

  it.each([
    ['tool_1_linux_amd64.tar.gz', 'a'],
    ['tool_1_linux_arm64.tar.gz', 'b'],
  ])('finds %s', (name, digit) => {
    expect(digestOf(name, list)).toBe(digit.repeat(64));
  });

  it.each(['tool_1_linux', 'linux_amd64.tar.gz', ''])('does not take part of a name for it: "%s"', (name) => {
    expect(() => digestOf(name, list)).toThrow('lists no SHA-256');
  });
});
