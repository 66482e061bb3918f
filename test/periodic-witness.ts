import { createHash } from 'node:crypto';
import { readZip } from './archive.ts';
import { numbersOf } from './numbered-warehouse.ts';
import type { PeriodicClient } from './periodic-client.ts';

/** All files of one download. */
export interface Served {
  readonly generation: string;
  /** SHA-256 of each file, by its name in the archive. */
  readonly hashes: Readonly<Record<string, string>>;
  /** Numbers in the rows of all files. */
  readonly numbers: readonly number[];
}

/** A download that reads slowly until it is finished: never so slowly that the API takes it for stalled. */
export interface BegunDownload {
  readonly generation: string;
  /** Reads the rest. @throws Error if it is incomplete */
  finish(): Promise<Served>;
}

/** Far below the time after which the API cuts a download that takes nothing. */
const SLOW_READ_MS = 5_000;

/** Requests all files as CSV and begins to read. @throws Error unless the status is 200 */
export async function beginDownload(client: PeriodicClient, privateKey: string): Promise<BegunDownload> {
  const answer = await client.request('GET', '/dataexport/downloadAll?fileType=csv', {
    headers: { 'x-private-key': privateKey },
  });
  const generation = answer.headers.get('x-waybill-generation');
  if (answer.status !== 200 || !answer.body || !generation) throw new Error(`${answer.status}: ${await answer.text()}`);
  const reader = answer.body.getReader();
  const bytes: Uint8Array[] = [];
  async function read(): Promise<boolean> {
    const { done, value } = await reader.read();
    if (value) bytes.push(value);
    return !done;
  }
  await read();
  let reading: Promise<unknown> = Promise.resolve();
  const slowly = setInterval(() => {
    reading = reading.then(read);
    // `finish` throws it.
    reading.catch(() => undefined);
  }, SLOW_READ_MS);
  return {
    generation,
    async finish() {
      clearInterval(slowly);
      await reading;
      while (await read());
      const entries = [...(await readZip(Buffer.concat(bytes)))];
      const hash = (content: Buffer) => createHash('sha256').update(content).digest('hex');
      return {
        generation,
        hashes: Object.fromEntries(entries.map(([name, content]) => [name, hash(content)])),
        numbers: [...new Set(entries.flatMap(([, content]) => [...numbersOf(content)]))],
      };
    },
  };
}

/** Downloads all files. */
export async function downloadNow(client: PeriodicClient, privateKey: string): Promise<Served> {
  return (await beginDownload(client, privateKey)).finish();
}

/** Downloads all files repeatedly during the work. @returns the downloads, oldest first */
export async function downloadDuring(
  client: PeriodicClient,
  privateKey: string,
  work: () => Promise<void>,
): Promise<readonly Served[]> {
  const served: Served[] = [];
  let over = false;
  async function keepDownloading(): Promise<void> {
    do served.push(await downloadNow(client, privateKey));
    while (!over);
  }
  const downloading = keepDownloading();
  try {
    await Promise.all([downloading, work().finally(() => (over = true))]);
  } finally {
    over = true;
    await downloading.catch(() => undefined);
  }
  return served;
}
