import type { Failure, Progress, Reply, Request, TaskName, Tasks } from './tasks.ts';

/** A task that failed; its message is for the reader. */
export class TaskError extends Error {
  override readonly name = 'TaskError';
  readonly kind: Failure['kind'];

  constructor({ kind, message }: Failure) {
    super(message);
    this.kind = kind;
  }
}

/** Asks the worker for a task. @throws TaskError */
export type Ask = <Name extends TaskName>(
  task: Name,
  takes: Tasks[Name]['takes'],
  options?: { readonly signal?: AbortSignal; readonly onProgress?: (progress: Progress) => void },
) => Promise<Tasks[Name]['gives']>;

interface Waiting {
  readonly resolve: (gives: Tasks[TaskName]['gives']) => void;
  readonly reject: (error: TaskError) => void;
  readonly onProgress: ((progress: Progress) => void) | undefined;
}

/** Starts the worker. @param address of its script */
export function startWorker(address: string): Ask {
  const worker = new Worker(address, { type: 'module' });
  const waiting = new Map<number, Waiting>();
  let last = 0;
  worker.addEventListener('message', ({ data }: MessageEvent<Reply>) => {
    const task = waiting.get(data.id);
    if ('progress' in data) return task?.onProgress?.(data.progress);
    waiting.delete(data.id);
    if ('failure' in data) task?.reject(new TaskError(data.failure));
    else task?.resolve(data.gives);
  });
  worker.addEventListener('error', () => {
    const message = 'The part of this page that opens files stopped. Load the page again.';
    for (const { reject } of waiting.values()) reject(new TaskError({ kind: 'other', message }));
    waiting.clear();
  });
  return (task, takes, { signal, onProgress } = {}) => {
    last += 1;
    const id = last;
    const answered = new Promise<Tasks[TaskName]['gives']>((resolve, reject) => {
      waiting.set(id, { resolve, reject, onProgress });
    });
    worker.postMessage({ id, task, takes } as Request);
    signal?.addEventListener('abort', () => worker.postMessage({ id, cancel: true } satisfies Request));
    return answered as Promise<never>;
  };
}
