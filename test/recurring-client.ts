import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { daySeries } from '../contracts/keys.ts';
import type { Manifest } from '../contracts/manifest.ts';
import type { ServiceSettings } from '../stack/stack.ts';
import { openManifest } from '../stores/objects/manifests.ts';
import { openBucket } from './bucket.ts';
import { openLedger } from './context.ts';
import { createHttpClient } from './http-client.ts';
import { waitUntil } from './wait-until.ts';

/** The fields of a run that tests read. */
export interface RecurringRun {
  readonly run_id: string;
  readonly day: string;
  readonly state: string;
  readonly rows: number | null;
  readonly error: { readonly code: string; readonly message: string } | null;
  readonly files: readonly {
    readonly entity: string;
    readonly load: string;
    readonly window: { readonly from: string | null; readonly to: string };
    readonly rows: number | null;
    readonly error: { readonly code: string } | null;
  }[];
}

/** A client of recurring exports with one tenant's API key. */
export function createRecurringClient(url: string, secret = 'dreambuilder-demo-secret') {
  const http = createHttpClient(url, { 'api-key': secret });
  const runs = async () =>
    (await http.json<{ result: { listOfItems: RecurringRun[] } }>('GET', '/export/runs')).result.listOfItems;
  const find = async (id: string) => (await runs()).find(({ run_id }) => run_id === id);
  return {
    ...http,
    runs,
    register: (body: object) => http.json<{ result: Record<string, unknown> }>('POST', '/export', { body }),
    entities: async (query = '') =>
      (await http.json<{ result: { listOfItems: Record<string, unknown>[] } }>('GET', `/export${query}`)).result
        .listOfItems,
    /** Starts a run and waits until it has ended. */
    async run(body: object = {}): Promise<RecurringRun> {
      const { result } = await http.json<{ result: { run_id: string } }>('POST', '/export/runs', { body });
      const ended = await waitUntil(
        () => find(result.run_id),
        (run) => run !== undefined && run.state !== 'running',
        60,
      );
      return ended as RecurringRun;
    },
  };
}

/** Reads what is delivered, without a gateway. */
export function openDelivered(settings: ServiceSettings, tenant = 'dreambuilder') {
  const ledger = openLedger(settings);
  const objects = openBucket(settings);
  async function stored(day: string) {
    const run = await ledger.runs.current(tenant, daySeries('recurring', tenant, day));
    expect(run, `delivery of ${day}`).toBeDefined();
    return openManifest(objects, run as NonNullable<typeof run>);
  }
  async function read(day: string, name: string): Promise<Buffer> {
    const { manifest, prefix } = await stored(day);
    const file = manifest.files.find((candidate) => candidate.file === name);
    expect(file, name).toBeDefined();
    const chunks: Uint8Array[] = [];
    for (const part of file?.parts ?? []) {
      for await (const chunk of objects.read(prefix + part.name, undefined, new AbortController().signal)) {
        chunks.push(Buffer.from(chunk));
      }
    }
    return Buffer.concat(chunks);
  }
  return {
    manifest: async (day: string): Promise<Manifest> => (await stored(day)).manifest,
    /** Writes a day as the gateway shows it. @param root of the tenant */
    async save(root: string, day: string): Promise<void> {
      const { manifest, bytes } = await stored(day);
      const directory = join(root, day.replaceAll('-', '/'));
      await mkdir(directory, { recursive: true });
      await writeFile(join(directory, 'manifest.json'), bytes);
      for (const { name, file } of manifest.files) {
        const entity = join(directory, name.split('.', 1)[0] ?? name);
        await mkdir(entity, { recursive: true });
        await writeFile(join(entity, file), await read(day, file));
      }
    },
    /** @param name such as `user.csv` */
    file: async (day: string, name: string): Promise<string> => (await read(day, name)).toString(),
  };
}
