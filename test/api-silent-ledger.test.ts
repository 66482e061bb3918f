import { afterAll, beforeAll, expect, test } from 'vitest';
import { type OwnServices, startOwnServices, useStack } from './context.ts';
import { type LedgerLink, openLink } from './ledger-link.ts';
import { createOnDemandClient } from './on-demand-client.ts';

let link: LedgerLink;
let services: OwnServices;

beforeAll(async () => {
  link = await openLink(useStack().settings.WAYBILL_LEDGER_URL);
  services = await startOwnServices({ WAYBILL_LEDGER_URL: link.url, WAYBILL_LOG_LEVEL: 'silent' });
});

afterAll(async () => {
  link?.pass();
  await services?.stop();
  await link?.close();
});

async function timed(answer: Promise<Response>) {
  const asked = Date.now();
  const { status, headers } = await answer;
  return { status, retryAfter: headers.get('retry-after'), ms: Date.now() - asked };
}

test('a ledger that is reached but never answers: callers are told in time, and served once it answers', async () => {
  const api = createOnDemandClient(services.url, 'dreambuilder');
  const statuses = ['/exports', '/dataexport'];
  const ask = () => Promise.all(statuses.map((path) => timed(api.request('GET', path))));
  expect((await ask()).map(({ status }) => status)).toEqual([200, 200]);

  link.hold();
  const told = ask();
  const readiness = await timed(fetch(`${services.url}/readyz`));
  expect(readiness).toMatchObject({ status: 503, retryAfter: '5' });
  expect(readiness.ms).toBeLessThan(4_000);
  for (const answer of await told) {
    expect(answer).toMatchObject({ status: 503, retryAfter: '5' });
    // A statement on a connection that was there before is given up after 15 s, waiting for a new one after 10 s.
    expect(answer.ms).toBeLessThan(17_000);
  }

  link.pass();
  expect((await ask()).map(({ status }) => status)).toEqual([200, 200]);
  await expect.poll(() => fetch(`${services.url}/readyz`).then(({ status }) => status)).toBe(200);
});
