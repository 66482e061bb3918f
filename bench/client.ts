import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { Instant } from '../contracts/instant.ts';
import { Accepted, JobStatus } from '../contracts/views/on-demand.ts';
import { EnabledAnswer, PeriodicView } from '../contracts/views/periodic.ts';

/** What a benchmark asks the API for. */
interface Request {
  readonly from: Instant;
  readonly to: Instant;
  readonly recipients: readonly string[];
}

/** A tenant's periodic files. */
export interface Bundle {
  readonly generationId: string;
  /** Opens them. */
  readonly privateKey: string;
  /** Of all files as CSV, as downloaded. */
  readonly csvBytes: number;
}

/** The doors as a client sees them, over HTTP with a token. */
export interface Door {
  readonly url: string;
  /** Value of the header `Authorization`. */
  readonly authorization: string;
  /**
   * Asks for an export of READINGS as CSV and polls its status until it is completed.
   *
   * @param pollMs milliseconds between two questions
   * @returns its job id
   * @throws Error when it fails
   */
  fetchExport(request: Request, pollMs: number): Promise<string>;
  /**
   * Enables periodic exports and polls until the first files are there.
   *
   * @param pollMs milliseconds between two questions
   * @throws Error when the first run fails
   */
  produceBundle(pollMs: number): Promise<Bundle>;
}

const Token = z.object({ access_token: z.string() });

export async function openDoor(options: {
  readonly url: string;
  readonly clientId: string;
  readonly secret: string;
  readonly signal: AbortSignal;
}): Promise<Door> {
  const { url, clientId, secret, signal } = options;

  async function call<Value>(path: string, shape: z.ZodType<Value>, init: RequestInit): Promise<Value> {
    const response = await fetch(`${url}${path}`, { ...init, signal });
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${await response.text()}`);
    return shape.parse(await response.json());
  }

  const form = { grant_type: 'client_credentials', client_id: clientId, client_secret: secret, scope: 'read write' };
  const token = await call('/oauth/token', Token, { method: 'POST', body: new URLSearchParams(form) });
  const authorization = `Bearer ${token.access_token}`;

  return {
    url,
    authorization,
    async fetchExport({ from, to, recipients }, pollMs) {
      const body = { startDate: from, endDate: to, exportType: 'READINGS', format: 'CSV', recipients };
      const { job } = await call('/exports', Accepted, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      for (;;) {
        const path = `/exports?id=${encodeURIComponent(job.id)}`;
        const answer = await call(path, JobStatus, { headers: { authorization } });
        if (answer.job.status === 'COMPLETED') return job.id;
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
      if (privateKey === null) throw new Error('Periodic exports go on with a key that is not in this answer.');
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
