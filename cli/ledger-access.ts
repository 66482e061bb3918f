import { readSomeSettings } from '../config/settings.ts';
import type { Ledger } from '../stores/ledger/ports.ts';
import type { Cli } from './cli.ts';
import { usage } from './failure.ts';

/** As stack/ sets it up: on loopback, with a password that production refuses. */
const LOCAL_URL = 'postgres://waybill:waybill-demo-secret@127.0.0.1:5433/waybill';

/** Runs work on the ledger that WAYBILL_LEDGER_URL names, and closes it whatever happens. */
export async function withLedger<Result>(cli: Cli, work: (ledger: Ledger) => Promise<Result>): Promise<Result> {
  if (!cli.environment.WAYBILL_LEDGER_URL && !cli.environment.WAYBILL_LEDGER_URL_FILE) {
    throw usage('Which ledger? Set WAYBILL_LEDGER_URL.', `The local stack's is ${LOCAL_URL}`);
  }
  const { WAYBILL_LEDGER_URL: url } = readSomeSettings(cli.environment, ['WAYBILL_LEDGER_URL']);
  // Loaded here because most commands do without it, and would start later.
  const { createLedger } = await import('../stores/ledger/postgres.ts');
  const ledger = createLedger({ url, connectionsMax: 2 });
  try {
    return await work(ledger);
  } finally {
    await ledger.close();
  }
}
