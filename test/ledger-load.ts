import { randomUUID } from 'node:crypto';
import { WaybillError } from '../contracts/failures.ts';
import { createLedger } from '../stores/ledger/postgres.ts';

/** What became of the questions so far. */
export interface Tally {
  readonly answered: number;
  /** Failed with `ledger_unavailable`. */
  readonly unavailable: number;
  /** Any other failure, in words. */
  readonly other: readonly string[];
}

export interface LoadOrder {
  readonly url: string;
  /** Key of a tenant that is there. */
  readonly tenant: string;
  /** A count of connections, each of which is always in use. */
  readonly lanes: number;
}
export type LoadMessage = LoadOrder | 'tally' | 'stop';

/** Entry point of a process that asks a ledger without a pause, so that a test can see whether the process lives on. */
function main(): void {
  let answered = 0;
  let unavailable = 0;
  const other: string[] = [];
  let stopping = false;
  let finished: Promise<void> = Promise.resolve();
  const tell = () => process.send?.({ answered, unavailable, other } satisfies Tally);

  async function ask(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
      answered += 1;
    } catch (error) {
      if (error instanceof WaybillError && error.code === 'ledger_unavailable') unavailable += 1;
      else other.push(String(error));
    }
  }

  async function load({ url, tenant, lanes }: LoadOrder): Promise<void> {
    const ledger = createLedger({ url, connectionsMax: lanes });
    const lane = async () => {
      while (!stopping) {
        await ask(() => ledger.ping());
        await ask(() => ledger.idempotency.claim(tenant, randomUUID(), 'hash'));
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    await ledger.close();
  }

  async function stop(): Promise<void> {
    stopping = true;
    await finished;
    tell();
    process.disconnect();
  }

  process.on('message', (message: LoadMessage) => {
    if (message === 'tally') tell();
    // A rejection ends the process, which the test sees.
    else if (message === 'stop') void stop();
    else finished = load(message);
  });
}

main();
