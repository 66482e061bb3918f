import { expect } from 'vitest';
import { createHttpClient, type HttpClient } from './http-client.ts';
import { waitUntil } from './wait-until.ts';

/** The fields of `GET /dataexport` that tests read. */
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

/** The response to enabling and rotating. */
export interface KeyAnswer {
  readonly enabled: boolean;
  readonly privateKey: string | null;
  readonly recipient: string;
}

/** A client of periodic exports with one tenant's API key. */
export interface PeriodicClient extends HttpClient {
  /** @throws Error unless the status is 200 */
  enable(body?: unknown): Promise<KeyAnswer>;
  rotate(body?: unknown): Promise<KeyAnswer>;
  disable(deleteSettings?: boolean): Promise<void>;
  status(): Promise<PeriodicView>;
  /** Waits until a condition holds. @throws Error after `seconds` */
  until(condition: (view: PeriodicView) => boolean, seconds?: number): Promise<PeriodicView>;
  /** Waits for a generation, or for one with another id than `other`. */
  generation(other?: string, seconds?: number): Promise<NonNullable<PeriodicView['generation']>>;
  /** @param query such as `file=user&fileType=csv` */
  download(query: string, privateKey: string): Promise<Buffer>;
  downloadAll(query: string, privateKey: string): Promise<Buffer>;
}

export function createPeriodicClient(url: string, secret: string): PeriodicClient {
  const { request, json, bytes } = createHttpClient(url, { 'api-key': secret });
  const download = (path: string, privateKey: string) =>
    bytes('GET', path, { headers: { 'x-private-key': privateKey } });
  const status = () => json<PeriodicView>('GET', '/dataexport');
  const until: PeriodicClient['until'] = (condition, seconds = 120) => waitUntil(status, condition, seconds);

  return {
    request,
    enable: (body) => json('POST', '/dataexport/enable', { body }),
    rotate: (body) => json('POST', '/dataexport/rotate', { body }),
    async disable(deleteSettings) {
      const query = deleteSettings === undefined ? '' : `?deleteSettings=${deleteSettings}`;
      await json('POST', `/dataexport/disable${query}`);
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
    download: (query, privateKey) => download(`/dataexport/download?${query}`, privateKey),
    downloadAll: (query, privateKey) => download(`/dataexport/downloadAll?${query}`, privateKey),
  };
}

/** Enables periodic exports and waits for the first generation. @returns it, with the private key for its files */
export async function enableAndWait(client: PeriodicClient, body?: unknown) {
  const privateKey = (await client.enable(body)).privateKey ?? '';
  return { privateKey, ...(await client.generation()) };
}

/** The query for a file that every catalog of these tests has. */
export const USERS = 'file=user&fileType=csv';

/** Downloads a file with this key, whatever the response is. */
export function ask(client: PeriodicClient, privateKey: string, query = USERS): Promise<Response> {
  return client.request('GET', `/dataexport/download?${query}`, { headers: { 'x-private-key': privateKey } });
}

/** Reads a problem document. */
export async function problemOf(response: Response) {
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  return (await response.json()) as { code: string; detail: string; allowed?: readonly string[] };
}

/** Status and code of a response that is a problem document. */
export async function codeOf(pending: Response | Promise<Response>): Promise<readonly [number, string]> {
  const response = await pending;
  return [response.status, (await problemOf(response)).code];
}
