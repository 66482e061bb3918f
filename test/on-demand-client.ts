import { decodeJobId } from '../contracts/job-id.ts';
import { type Manifest, type ManifestFile, onlyFile } from '../contracts/manifest.ts';
import type { Progress } from '../contracts/progress.ts';
import { createHttpClient, type HttpClient } from './http-client.ts';
import { waitUntil } from './wait-until.ts';

/** The fields of `GET /exports/{id}` that tests read. */
export interface ExportView {
  readonly exportId: string;
  readonly status: 'PENDING' | 'COMPLETED' | 'FAILED';
  readonly state: string;
  readonly progress: Progress;
  readonly failure: { readonly code: string; readonly message: string } | null;
  readonly downloadUrl: string | null;
}

/** A window around all dates of the sample warehouse. */
export const ALWAYS = { startDate: '1900-01-01', endDate: '2100-01-01' };

/** A client of on-demand exports with one tenant's credentials. */
export interface OnDemandClient extends HttpClient {
  /** Orders an export. @returns its id. @throws Error unless it is accepted */
  order(body: Readonly<Record<string, unknown>>): Promise<string>;
  show(exportId: string): Promise<ExportView>;
  /** Waits until a condition holds for the export. @throws Error after `seconds` */
  until(exportId: string, condition: (view: ExportView) => boolean, seconds?: number): Promise<ExportView>;
  /** Waits for the end. */
  ended(exportId: string, seconds?: number): Promise<ExportView>;
  manifest(exportId: string): Promise<Manifest>;
  /** The only file that the manifest lists. */
  described(exportId: string): Promise<ManifestFile>;
  file(exportId: string, headers?: Record<string, string>): Promise<Buffer>;
}

export function createOnDemandClient(
  url: string,
  clientId: string,
  secret = `${clientId}-demo-secret`,
): OnDemandClient {
  const authorization = `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}`;
  const { request, json, bytes } = createHttpClient(url, { authorization });
  const show = (exportId: string) => json<ExportView>('GET', `/exports/${exportId}`);
  const manifest = (exportId: string) => json<Manifest>('GET', `/exports/${exportId}/manifest`);
  const until: OnDemandClient['until'] = (exportId, condition, seconds = 120) =>
    waitUntil(() => show(exportId), condition, seconds);

  return {
    request,
    async order(body) {
      const { job } = await json<{ job: { id: string } }>('POST', '/exports', { body });
      const id = decodeJobId(job.id);
      if (!id) throw new Error(`not a job id: ${job.id}`);
      return id.runId;
    },
    show,
    until,
    ended: (exportId, seconds) => until(exportId, ({ status }) => status !== 'PENDING', seconds),
    manifest,
    described: async (exportId) => onlyFile(await manifest(exportId)),
    file: (exportId, headers = {}) => bytes('GET', `/exports/${exportId}/file`, { headers }),
  };
}
