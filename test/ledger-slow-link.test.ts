import { beforeEach, expect, test } from 'vitest';
import type { Ledger } from '../stores/ledger/ports.ts';
import { createLedger } from '../stores/ledger/postgres.ts';
import { type LedgerLink, openLink } from './ledger-link.ts';
import { failsWith, useLedger } from './ledger-set-up.ts';

/** Milliseconds of a packet from the server. Connecting takes two of them: 7 s. */
const SLOW_MS = 3_500;
/** Milliseconds within which a caller is told, with a margin for a busy machine. */
const TOLD_MS = 12_000;

const { url } = await useLedger();

let link: LedgerLink;
let ledger: Ledger;

beforeEach(async () => {
  link = await openLink(url);
  ledger = createLedger({ url: link.url, connectionsMax: 2 });
  return async () => {
    link.pass();
    await ledger.close();
    await link.close();
  };
});

test('a link on which connecting takes seven seconds serves calls', async () => {
  link.delayMs = SLOW_MS;
  await Promise.all([ledger.ping(), ledger.ping()]);
  await ledger.ping();
  expect(link.connections).toBe(2);
});

test('a caller is told within 10 s, and a later one finds the connection that was being made', async () => {
  link.hold();
  const migrated = ledger.migrate();
  const asked = Date.now();
  const answers = await Promise.allSettled([ledger.ping(), ledger.ping(), ledger.ping()]);
  expect(Date.now() - asked).toBeLessThan(TOLD_MS);
  expect(answers).toEqual(Array(3).fill({ status: 'rejected', reason: failsWith('ledger_unavailable') }));
  link.pass();
  await Promise.all([ledger.ping(), ledger.ping(), ledger.ping()]);
  // No caller waits for a migration, so it waits for as long as connecting may take.
  await migrated;
  expect(link.connections).toBe(3);
});
