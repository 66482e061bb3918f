import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ManifestPart } from '../contracts/manifest.ts';
import type { Order } from '../contracts/order.ts';
import type { Bench } from './benchmark.ts';
import type { ObjectServer } from './object-server.ts';

export interface WriterSettings {
  /** Path of the catalog. */
  readonly catalog: string;
  readonly startupSql: string;
  /** DuckDB's `memory_limit`. */
  readonly memory: string;
  readonly tempDirectory: string;
  readonly objects: ObjectServer;
}

export interface WriterRequest {
  readonly order: Order;
  /** A unique UUID. */
  readonly exportId: string;
  /** Expected number of rows. */
  readonly rows: number;
}

export type WriterReply =
  | { readonly kind: 'ready' }
  | { readonly kind: 'written'; readonly seconds: number; readonly part: ManifestPart }
  | { readonly kind: 'failed'; readonly message: string };

/** A process that writes parts as a worker does: the same activity, adapters, thread pool and memory limit. */
export interface PartWriter extends AsyncDisposable {
  /** @throws Error if the part could not be written */
  write(request: WriterRequest): Promise<Extract<WriterReply, { kind: 'written' }>>;
}

/** Threads of libuv's pool, as the stack's worker has them. */
const THREADS = '16';

export async function startPartWriter(bench: Bench, settings: WriterSettings): Promise<PartWriter> {
  const child = fork(fileURLToPath(import.meta.resolve('./part-writer.ts')), {
    env: { UV_THREADPOOL_SIZE: THREADS, PATH: bench.environment.PATH, HOME: bench.directory },
    signal: bench.signal,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`The part writer ended with ${String(code ?? signal)}.`);
  });
  // Not `close`, which is never emitted if this side closed the channel. Rejects the pending request.
  ended.catch(() => undefined);

  async function ask(message: WriterSettings | WriterRequest): Promise<WriterReply> {
    const reply = once(child, 'message');
    child.send(message);
    const [answer] = (await Promise.race([reply, ended])) as [WriterReply];
    if (answer.kind === 'failed') throw new Error(`A part could not be written: ${answer.message}`);
    return answer;
  }

  async function end(): Promise<void> {
    if (child.connected) child.disconnect();
    await ended.catch(() => undefined);
  }

  try {
    await ask(settings);
  } catch (error) {
    await end();
    throw error;
  }
  return {
    async write(request) {
      const reply = await ask(request);
      if (reply.kind !== 'written') throw new Error(`The part writer answered ${reply.kind}.`);
      return reply;
    },
    [Symbol.asyncDispose]: end,
  };
}
