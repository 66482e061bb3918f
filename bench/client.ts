import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { Instant } from '../contracts/instant.ts';
import { Accepted, JobStatus } from '../contracts/views/on-demand.ts';
import { EnabledAnswer, PeriodicView } from '../contracts/views/periodic.ts';

/** Parameters of an export. */
interface Request {
  readonly from: Instant;
  readonly to: Instant;
  readonly recipients: readonly string[];
  /** @default one file */
  readonly rowsPerFile?: number;
  /** @default none */
  readonly compression?: 'zstd';
}

/** A tenant's periodic files. */
export interface Bundle {
  readonly generationId: string;
  /** Opens the files. */
  readonly privateKey: string;
  /** Total bytes of all files as CSV, as downloaded. */
  readonly csvBytes: number;
}

/** A client of the HTTP API, with a token. */
export interface Client {
  readonly url: string;
  /** Value of the header `Authorization`. */
  readonly authorization: string;
  /** Orders an export of READINGS as CSV. @returns its job id */
  orderExport(request: Request): Promise<string>;
  /**
   * Orders an export of READINGS as CSV and polls its status until it has completed.
   *
   * @param pollMs polling interval in milliseconds
   * @returns its job id
   * @throws Error if it fails
   */
  fetchExport(request: Request, pollMs: number): Promise<string>;
  /**
   * Enables periodic exports and polls until the first files are available.
   *
   * @param pollMs polling interval in milliseconds
   * @throws Error if the first run fails
   */
  produceBundle(pollMs: number): Promise<Bundle>;
}

const Token = z.object({ access_token: z.string() });

export async function createClient(options: {
  readonly url: string;
  readonly clientId: string;
  readonly secret: string;
  readonly signal: AbortSignal;
}): Promise<Client> {
  const { url, clientId, secret, signal } = options;

  async function call<Value>(path: string, shape: z.ZodType<Value>, init: RequestInit): Promise<Value> {
    const response = await fetch(`${url}${path}`, { ...init, signal });
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
    return shape.parse(await response.json());
  }

  const form = { grant_type: 'client_credentials', client_id: clientId, client_secret: secret, scope: 'read write' };
  const token = await call('/oauth/token', Token, { method: 'POST', body: new URLSearchParams(form) });
  const authorization = `Bearer ${token.access_token}`;

  async function orderExport({ from, to, ...more }: Request): Promise<string> {
    const body = { startDate: from, endDate: to, exportType: 'READINGS', format: 'CSV', ...more };
    const { job } = await call('/exports', Accepted, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return job.id;
  }

  return {
    url,
    authorization,
    orderExport,
    async fetchExport(request, pollMs) {
      const id = await orderExport(request);
      for (;;) {
        const path = `/exports?id=${encodeURIComponent(id)}`;
        const answer = await call(path, JobStatus, { headers: { authorization } });
        if (answer.job.status === 'COMPLETED') return id;
        if (answer.job.status === 'FAILED') {
          throw new Error(`The export failed: ${answer.errors.map(({ message }) => message).join(' ')}`);
        }
        await delay(pollMs, undefined, { signal });
      }
    },
    async produceBundle(pollMs) {
      const { privateKey } = await call('/dataexport/enable', EnabledAnswer, {
        method: 'POST',
        headers: { authorization },
      });
      if (privateKey === null)
        throw new Error('Periodic exports were resumed with an earlier key, which the response does not contain.');
      for (;;) {
        const { generation, lastRun } = await call('/dataexport', PeriodicView, { headers: { authorization } });
        if (generation) {
          const csvBytes = generation.files.reduce((sum, { csv }) => sum + csv.contentBytes, 0);
          return { generationId: generation.generationId, privateKey, csvBytes };
        }
        if (lastRun?.failure) throw new Error(`The first periodic run failed: ${lastRun.failure.message}`);
        await delay(pollMs, undefined, { signal });
      }
    },
  };
}
