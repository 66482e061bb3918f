import {
  type RecurringRunView,
  RUNS_PATH,
  RunsAnswer,
  runFilePath,
  runManifestPath,
} from '../../contracts/views/recurring.ts';
import { CliFailure, EXIT, usage } from '../failure.ts';
import { receive } from '../files/receive.ts';
import { type Client, getEnvelope, getManifest } from '../http/client.ts';
import { filePath } from './pieces.ts';
import { type DayPlace, type DeliveredDays, type ReadManifest, Unreadable } from './place.ts';

/** Runs of a page; the most that the API allows. */
const PAGE_SIZE = 200;
/** Milliseconds between two attempts to go on with a file. */
const RETRY_MS = 1_000;

/**
 * Lists the days that Waybill delivers to the tenant of the client, each by its current run. Nothing is stored on this machine.
 *
 * @throws CliFailure `usage` if there are none
 */
export async function findRemoteDays(client: Client, signal: AbortSignal): Promise<DeliveredDays> {
  const runs: RecurringRunView[] = [];
  for (let token: string | undefined; token !== ''; ) {
    const query = new URLSearchParams({
      pageSize: String(PAGE_SIZE),
      ...(token === undefined ? {} : { pageToken: token }),
    });
    const { result } = await client.json(RunsAnswer, `${RUNS_PATH}?${query}`, signal);
    runs.push(...result.listOfItems.filter(({ state }) => state === 'delivered'));
    token = result.nextPageToken;
  }
  if (runs.length === 0)
    throw usage('No recurring exports are delivered there.', 'waybill recurring runs lists the runs.');
  const days = runs.map((run) => remoteDay(client, run, signal)).sort((one, other) => (one.day < other.day ? -1 : 1));
  return { tenant: null, days, strays: [] };
}

/** A day as the API has it: the files of its manifest, and nothing else. */
function remoteDay(client: Client, { run_id: id, day }: RecurringRunView, signal: AbortSignal): DayPlace {
  const sizes = new Map<string, { readonly url: string; readonly bytes: number }>();

  async function readManifest(): Promise<ReadManifest> {
    const read = await getManifest(client, runManifestPath(id), signal);
    for (const file of read.manifest.files) {
      sizes.set(filePath(file), { url: runFilePath(id, file.file), bytes: file.bytes });
    }
    return read;
  }

  async function* read(path: string): AsyncGenerator<Uint8Array> {
    const file = sizes.get(path);
    if (file === undefined) throw new Unreadable('is missing');
    const request = (headers: Readonly<Record<string, string>>) => client.call('GET', file.url, { headers, signal });
    const options = { request, offset: 0, bytesTotal: file.bytes, ranges: true, retryMs: RETRY_MS, signal };
    try {
      yield* receive(options);
    } catch (error) {
      throw isOfFile(error) ? new Unreadable(`cannot be read: ${error.message}`) : error;
    }
  }

  return {
    ...{ day, name: day.replaceAll('-', '/'), read },
    async readManifest() {
      try {
        return await readManifest();
      } catch (error) {
        if (!isOfFile(error)) throw error;
        return { problems: ['The manifest cannot be read.', error.message, ...error.lines] };
      }
    },
    readEnvelope: () => getEnvelope(client, runManifestPath(id), signal),
    list: async () => new Map([...sizes.keys()].map((path) => [path, true])),
  };
}

/** Whether a failure is one of the file, and not of the connection or the credentials. */
function isOfFile(error: unknown): error is CliFailure {
  return error instanceof CliFailure && error.exitCode === EXIT.failed;
}
