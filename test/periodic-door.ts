import { setTimeout as delay } from 'node:timers/promises';

/** What `GET /dataexport` answers, as far as tests look at it. */
export interface PeriodicView {
  readonly enabled: boolean;
  readonly recipient: string | null;
  readonly nextRunAt: string | null;
  readonly lastRun: {
    readonly generationId: string;
    readonly state: string;
    readonly failure: { readonly code: string; readonly message: string } | null;
  } | null;
  readonly running: {
    readonly generationId: string;
    readonly progress: { readonly percent: number; readonly partsDone: number; readonly rowsTotal: number | null };
  } | null;
  readonly failingSince: string | null;
  readonly generation: {
    readonly generationId: string;
    readonly snapshotAt: string;
    readonly rows: number;
    readonly files: readonly { readonly file: string; readonly rows: number }[];
  } | null;
  readonly files: readonly string[];
}

/** What enabling and rotating answer. */
export interface KeyAnswer {
  readonly enabled: boolean;
  readonly privateKey: string | null;
  readonly recipient: string;
}

/** A client of door 2 with one tenant's API key. */
export interface PeriodicClient {
  request(
    method: string,
    path: string,
    options?: { body?: unknown; headers?: Record<string, string> },
  ): Promise<Response>;
  /** @throws Error unless the answer is 200 */
  enable(body?: unknown): Promise<KeyAnswer>;
  rotate(body?: unknown): Promise<KeyAnswer>;
  disable(deleteSettings?: boolean): Promise<void>;
  status(): Promise<PeriodicView>;
  /** Waits until a condition holds. @throws Error after `seconds` */
  until(condition: (view: PeriodicView) => boolean, seconds?: number): Promise<PeriodicView>;
  /** Waits for a generation, another one than this where it is given. */
  generation(other?: string, seconds?: number): Promise<NonNullable<PeriodicView['generation']>>;
  /** @param query as `file=user&fileType=csv` */
  download(query: string, privateKey: string): Promise<Buffer>;
  downloadAll(query: string, privateKey: string): Promise<Buffer>;
}

export function createPeriodicClient(url: string, secret: string): PeriodicClient {
  const request: PeriodicClient['request'] = (method, path, { body, headers = {} } = {}) =>
    fetch(`${url}${path}`, {
      method,
      headers: { 'api-key': secret, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });

  async function ok(answer: Promise<Response>): Promise<Response> {
    const response = await answer;
    // Not the address: its query may hold a key.
    if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
    return response;
  }

  async function bytes(path: string, privateKey: string): Promise<Buffer> {
    const answer = await ok(request('GET', path, { headers: { 'x-private-key': privateKey } }));
    return Buffer.from(await answer.arrayBuffer());
  }

  const status = async () => (await (await ok(request('GET', '/dataexport'))).json()) as PeriodicView;

  const until: PeriodicClient['until'] = async (condition, seconds = 120) => {
    const deadline = Date.now() + seconds * 1000;
    for (;;) {
      const view = await status();
      if (condition(view)) return view;
      if (Date.now() > deadline) throw new Error(`not after ${seconds} s: ${JSON.stringify(view)}`);
      await delay(100);
    }
  };

  return {
    request,
    enable: async (body) => (await (await ok(request('POST', '/dataexport/enable', { body }))).json()) as KeyAnswer,
    rotate: async (body) => (await (await ok(request('POST', '/dataexport/rotate', { body }))).json()) as KeyAnswer,
    async disable(deleteSettings) {
      const query = deleteSettings === undefined ? '' : `?deleteSettings=${deleteSettings}`;
      await ok(request('POST', `/dataexport/disable${query}`));
    },
    status,
    until,
    async generation(other, seconds) {
      const { generation } = await until(
        (view) => view.generation !== null && view.generation.generationId !== other,
        seconds,
      );
      if (!generation) throw new Error('there is no generation');
      return generation;
    },
    download: (query, privateKey) => bytes(`/dataexport/download?${query}`, privateKey),
    downloadAll: (query, privateKey) => bytes(`/dataexport/downloadAll?${query}`, privateKey),
  };
}
