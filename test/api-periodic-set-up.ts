import { expect } from 'vitest';
import type { Catalog } from '../config/dataset.ts';
import type { Manifest } from '../contracts/manifest.ts';
import type { PeriodicFormat } from '../contracts/periodic.ts';
import { post, type StartedApi } from './api-set-up.ts';
import { generationPrefix, periodicPrefix } from './keys.ts';
import { problemOf } from './periodic-client.ts';
import { readDownload } from './raw-download.ts';
import { runOf } from './scripted-temporal.ts';

export interface KeyAnswer {
  readonly enabled: boolean;
  readonly privateKey: string | null;
  readonly recipient: string;
  readonly hint?: string;
}

/** A new tenant for periodic exports of an API of its own. Temporal and the object store are played. */
export async function openPeriodic(started: StartedApi, catalog?: Catalog) {
  const api = started.compose({}, catalog);
  const tenant = await started.addTenant();

  function send(path: string, body?: unknown): Promise<Response> {
    const request = body === undefined ? { method: 'POST', headers: tenant.headers } : post(tenant.headers, body);
    return Promise.resolve(api.app.request(`/dataexport/${path}`, request));
  }

  return {
    api,
    tenant,
    send,
    /** @returns the answer, which must be good */
    async keyOf(path: 'enable' | 'rotate', body?: unknown): Promise<KeyAnswer> {
      const answer = await send(path, body);
      expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-store']);
      return (await answer.json()) as KeyAnswer;
    },
    settings: () => started.ledger.standingOrders.find(tenant.key, 'periodic'),
    storedKeys: (key = tenant.key) =>
      [...api.objects.stored.keys()].filter((stored) => stored.startsWith(periodicPrefix(key))),
    /** Lets a run begin, as the schedule would. */
    async begin() {
      const run = runOf(tenant.key);
      await started.ledger.runs.begin(run);
      api.temporal.statuses.set(run.runId, 'open');
      return run;
    },
  };
}
export type PeriodicApi = Awaited<ReturnType<typeof openPeriodic>>;

/** The same, enabled, and listening on a port. */
export async function openServed(started: StartedApi) {
  const periodic = await openPeriodic(started);
  const { api, tenant } = periodic;
  const server = await api.serve();
  const address = `http://127.0.0.1:${server.port}/dataexport`;
  const key = (await periodic.keyOf('enable')).privateKey ?? '';
  const withKey = (privateKey: string) => ({ ...tenant.headers, 'x-private-key': privateKey });
  const headers = withKey(key);
  return {
    ...periodic,
    server,
    address,
    key,
    headers,
    withKey,
    /** Sends the private key unless other headers are given. */
    get: (path: string, own: Record<string, string> = headers, method = 'GET') =>
      fetch(`${address}/${path}`, { method, headers: own }),
    /** Reads an answer to its end, good or bad. */
    read: (path: string) => readDownload(`${address}/${path}`, headers),
  };
}
export type ServedPeriodic = Awaited<ReturnType<typeof openServed>>;

/** Status and code of a problem. */
export async function codeOf(asked: Promise<Response> | Response): Promise<readonly [number, string]> {
  const answer = await asked;
  return [answer.status, (await problemOf(answer)).code];
}

export function objectKey(manifest: Manifest, file: string, format: PeriodicFormat): string {
  const found = manifest.files.find((candidate) => candidate.name === file && candidate.format === format);
  return `${generationPrefix(manifest.tenant, manifest.runId)}${found?.parts[0]?.name}`;
}
