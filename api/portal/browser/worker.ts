import './without-eval.ts';
import { PUBLIC_KEYS_PATH, type PublicKey, PublicKeys } from '../../../contracts/envelope.ts';
import { generateKey, keyText, parseIdentities, recipientOf } from '../../../streams/age/keys.ts';
import { download } from './download.ts';
import { openSink, removeEmpty, type Sink } from './sink.ts';
import type { MadeKey, Opened, Opening, Progress, Reply, Request, TaskName, Tasks } from './tasks.ts';
import { checkKey, read, unsealInBrowser } from './unseal.ts';
import { verifyFiles } from './verify.ts';
import { failureOf } from './words.ts';

/** Milliseconds between two messages about progress. */
const PROGRESS_MS = 100;

interface Running {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

const tasks: {
  readonly [Name in TaskName]: (takes: Tasks[Name]['takes'], running: Running) => Promise<Tasks[Name]['gives']>;
} = {
  makeKey,
  readKey: async ({ text }) => Promise.all(parseIdentities(text).map(recipientOf)),
  async check({ file, key }) {
    await checkKey(file, key);
    return null;
  },
  open,
  verify: ({ files }, running) => verifyFiles(files, { ...running, readKeys }),
};

async function readKeys(): Promise<readonly PublicKey[]> {
  const response = await fetch(PUBLIC_KEYS_PATH, { credentials: 'omit' });
  return PublicKeys.parse(await response.json()).keys;
}

async function makeKey({ postQuantum }: { readonly postQuantum: boolean }): Promise<MadeKey> {
  const key = await generateKey({ postQuantum });
  return { ...key, text: keyText(key) };
}

async function open({ from, key, to }: Opening, { signal, onProgress }: Running): Promise<Opened> {
  const total = 'file' in from ? from.file.size : from.bytes;
  const source = 'file' in from ? read(from.file.stream()) : download(from.address, from.bytes, signal);
  async function* counted() {
    let done = 0;
    for await (const chunk of source) {
      signal.throwIfAborted();
      done += chunk.length;
      onProgress({ done, total });
      yield chunk;
    }
  }
  let sink: Sink | undefined;
  try {
    let bytes = 0;
    for await (const chunk of unsealInBrowser(counted(), total, key)) {
      sink ??= await openSink(to);
      await sink.write(chunk);
      bytes += chunk.length;
    }
    sink ??= await openSink(to);
    signal.throwIfAborted();
    return { bytes, content: await sink.close() };
  } catch (error) {
    // The first error is the one to tell; what cannot be removed is empty.
    await (sink ? sink.abort() : to && removeEmpty(to))?.catch(() => undefined);
    throw error;
  }
}

const controllers = new Map<number, AbortController>();
const scope = globalThis as unknown as {
  onmessage: (event: MessageEvent<Request>) => void;
  postMessage(reply: Reply): void;
};

scope.onmessage = ({ data }) => {
  if ('cancel' in data) controllers.get(data.id)?.abort();
  else void answer(data);
};

async function answer(request: Exclude<Request, { cancel: true }>): Promise<void> {
  const { id, task, takes } = request;
  const controller = new AbortController();
  controllers.set(id, controller);
  let told = 0;
  const onProgress = (progress: Progress) => {
    const now = performance.now();
    if (now - told < PROGRESS_MS) return;
    told = now;
    scope.postMessage({ id, progress });
  };
  const run = tasks[task] as (takes: unknown, running: Running) => Promise<Tasks[TaskName]['gives']>;
  try {
    scope.postMessage({ id, gives: await run(takes, { signal: controller.signal, onProgress }) });
  } catch (error) {
    scope.postMessage({ id, failure: failureOf(error) });
  } finally {
    controllers.delete(id);
  }
}
