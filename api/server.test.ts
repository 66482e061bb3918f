import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { sendDownload } from './server.ts';

const CHUNK_BYTES = 256 * 1024;
const CHUNKS = 1600;

it('lets go of each chunk once it is sent', async () => {
  let sent = 0;
  let heldMax = 0;
  const server = createServer((_, outgoing) => {
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          heldMax = Math.max(heldMax, process.memoryUsage().arrayBuffers);
          if (sent === CHUNKS) return controller.close();
          sent += 1;
          controller.enqueue(new Uint8Array(CHUNK_BYTES));
        },
      },
      { highWaterMark: 0 },
    );
    void sendDownload(new Response(body), outgoing);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const answer = await fetch(`http://127.0.0.1:${port}/`);
    let received = 0;
    for await (const chunk of answer.body ?? []) received += chunk.length;
    expect(received).toBe(CHUNKS * CHUNK_BYTES);
    // All of them would be 400 MiB; the garbage collector keeps a few dozen about.
    expect(heldMax).toBeLessThan(200 * 1024 * 1024);
  } finally {
    server.close();
    server.closeAllConnections();
  }
});
