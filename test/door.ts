import { setTimeout as delay } from 'node:timers/promises';
import { decodeJobId } from '../contracts/job-id.ts';
import { type Manifest, type ManifestFile, onlyFile } from '../contracts/manifest.ts';
import type { Progress } from '../contracts/progress.ts';

/** What `GET /exports/{id}` answers, as far as tests look at it. */
export interface ExportView {
  readonly exportId: string;
  readonly status: 'PENDING' | 'COMPLETED' | 'FAILED';
  readonly state: string;
  readonly progress: Progress;
  readonly failure: { readonly code: string; readonly message: string } | null;
  readonly downloadUrl: string | null;
}

/** The window that all dates of the sample warehouse lie in. */
export const ALWAYS = { startDate: '1900-01-01', endDate: '2100-01-01' };

/** A client of door 1 with one tenant's credentials. */
export interface DoorClient {
  request(
    method: string,
    path: string,
    options?: { body?: unknown; headers?: Record<string, string> },
  ): Promise<Response>;
  /** Orders an export. @returns its id. @throws Error unless it is accepted */
  order(body: Readonly<Record<string, unknown>>): Promise<string>;
  show(exportId: string): Promise<ExportView>;
  /** Waits until a condition holds for the export. @throws Error after `seconds` */
  until(exportId: string, condition: (view: ExportView) => boolean, seconds?: number): Promise<ExportView>;
  /** Waits for the end. */
  ended(exportId: string, seconds?: number): Promise<ExportView>;
  manifest(exportId: string): Promise<Manifest>;
  /** What the manifest says of the export's one file. */
  described(exportId: string): Promise<ManifestFile>;
  file(exportId: string, headers?: Record<string, string>): Promise<Buffer>;
}

export function createDoorClient(url: string, clientId: string, secret = `${clientId}-demo-secret`): DoorClient {
  const authorization = `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`;

  const request: DoorClient['request'] = (method, path, { body, headers = {} } = {}) =>
    fetch(`${url}${path}`, {
      method,
      headers: { authorization, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });

  async function ok(answer: Promise<Response>): Promise<Response> {
    const response = await answer;
    if (!response.ok) throw new Error(`${response.status} ${response.url}: ${await response.text()}`);
    return response;
  }

  const show: DoorClient['show'] = async (exportId) =>
    (await (await ok(request('GET', `/exports/${exportId}`))).json()) as ExportView;

  const manifest: DoorClient['manifest'] = async (exportId) =>
    (await (await ok(request('GET', `/exports/${exportId}/manifest`))).json()) as Manifest;

  const until: DoorClient['until'] = async (exportId, condition, seconds = 120) => {
    const deadline = Date.now() + seconds * 1000;
    for (;;) {
      const view = await show(exportId);
      if (condition(view)) return view;
      if (Date.now() > deadline) throw new Error(`not after ${seconds} s: ${JSON.stringify(view)}`);
      await delay(50);
    }
  };

  return {
    request,
    async order(body) {
      const answer = await ok(request('POST', '/exports', { body }));
      const { job } = (await answer.json()) as { job: { id: string } };
      const id = decodeJobId(job.id);
      if (!id) throw new Error(`not a job id: ${job.id}`);
      return id.runId;
    },
    show,
    until,
    ended: (exportId, seconds) => until(exportId, ({ status }) => status !== 'PENDING', seconds),
    manifest,
    described: async (exportId) => onlyFile(await manifest(exportId)),
    async file(exportId, headers = {}) {
      const answer = await ok(request('GET', `/exports/${exportId}/file`, { headers }));
      return Buffer.from(await answer.arrayBuffer());
    },
  };
}
