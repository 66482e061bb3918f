import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Progress } from '../contracts/progress.ts';
import type { Run } from '../stores/ledger/ports.ts';
import { type ComposedApi, finishExport, type StartedApi, startApi } from './api-set-up.ts';
import { checkPage, launchBrowser, openVisitor, type Visitor } from './browser.ts';
import { closeAtEnd } from './cleanup.ts';

const PROGRESS: Progress = {
  ...{ percent: 41, rowsDone: 215_900, rowsTotal: 526_500, contentBytes: 30_000_000, storedBytes: 12_800_000 },
  ...{ partsDone: 1, partsTotal: 3, final: false },
};

let api: StartedApi;
let composed: ComposedApi;
let url: string;
let browser: Browser;

beforeAll(async () => {
  [api, browser] = await Promise.all([startApi(), launchBrowser()]);
  composed = api.compose();
  const server = await composed.serve();
  url = `http://127.0.0.1:${server.port}`;
  closeAtEnd(async () => {
    composed.stopping.abort();
    await server.close(0);
  });
});

afterAll(() => api.stop());

/** A tenant of its own, logged in, and one export that it has ordered. */
async function ordered(): Promise<Visitor & { readonly run: Run; readonly here: string }> {
  const tenant = await api.addTenant();
  const visitor = await openVisitor(browser, url);
  await visitor.logIn(tenant.clientId, tenant.secret);
  await visitor.page.getByLabel('From', { exact: true }).fill('2026-10-01T00:00');
  await visitor.page.getByLabel('To', { exact: true }).fill('2026-10-31T23:59');
  await visitor.page.getByRole('button', { name: 'Order export' }).click();
  await visitor.page.waitForURL(/#yours$/);
  const { rows } = await api.ledger.runs.list(tenant.key, { kind: 'on-demand' }, { cursor: null, limit: 1 });
  const [run] = rows;
  if (!run) throw new Error('nothing was ordered');
  return { ...visitor, run, here: `/portal/on-demand/${run.number}` };
}

const begin = ({ runId, workflowId, order, requestedAt }: Run) =>
  order ? api.ledger.runs.begin({ runId, workflowId, order, requestedAt }) : undefined;

test('a running export shows how far it is, live, and is cancelled', async () => {
  const { page, problems, run, here } = await ordered();
  await page.goto(here);
  await page.getByText('Waiting for its turn').waitFor();
  await begin(run);
  composed.temporal.seen.set(run.runId, PROGRESS);
  await page.getByText('41 %').first().waitFor();
  await checkPage(page, 'run-running');
  expect(await page.getByRole('progressbar').getAttribute('value')).toBe('41');
  expect(await page.title()).toBe(`Export ${run.number}, 41 % – Waybill`);
  composed.temporal.seen.set(run.runId, { ...PROGRESS, percent: 76, rowsDone: 400_000 });
  await page.getByText('76 %').first().waitFor();
  expect(await page.locator('#live').textContent()).toBe(`Export ${run.number}: 75 percent`);
  await page.goto('/portal/on-demand');
  await page.getByText(/^76\s%/).waitFor();
  await checkPage(page, 'on-demand-running');

  await page.getByRole('button', { name: 'Cancel export' }).click();
  await expect.poll(() => composed.temporal.cancelled).toContain(run.runId);
  await api.ledger.runs.end(run.runId, { state: 'cancelled', failure: { code: 'cancelled', message: 'Cancelled.' } });
  await page.getByText('The export was cancelled').waitFor();
  await checkPage(page, 'run-cancelled');
  expect(problems).toEqual([]);
});

test('a failed export says why, and is ordered again', async () => {
  const { page, problems, run, here } = await ordered();
  await begin(run);
  const message = 'The warehouse was away for 30 min. Order it again.';
  await api.ledger.runs.end(run.runId, { state: 'failed', failure: { code: 'warehouse_unavailable', message } });
  composed.temporal.running.delete(run.workflowId);
  await page.getByText(message).waitFor();
  await checkPage(page, 'on-demand-failed');
  await page.goto(here);
  await page.getByText('The export could not be made').waitFor();
  await checkPage(page, 'run-failed');
  await page.getByRole('button', { name: 'Order again' }).click();
  await page.getByText('Waiting for its turn').waitFor();
  expect(page.url()).not.toBe(`${url}${here}`);
  expect(problems).toEqual([]);
});

test('a file is deleted only after it was asked, and its page says so with 410', async () => {
  const { page, problems, run, here } = await ordered();
  await finishExport(api, composed, run, [Buffer.from('id,name\n1,a\n'), Buffer.from('2,b\n')]);
  await page.goto(here);
  await checkPage(page, 'run-completed');
  await page.getByRole('link', { name: 'Delete' }).click();
  await page.getByText('The file cannot be brought back.').waitFor();
  await checkPage(page, 'confirm-delete');
  await page.getByRole('link', { name: 'Keep it' }).click();
  await page.getByRole('link', { name: 'Delete' }).click();
  await page.getByRole('button', { name: 'Delete export and file' }).click();
  await page.getByRole('heading', { name: 'The file was deleted' }).waitFor();
  await checkPage(page, 'run-deleted');
  expect((await page.request.get(here)).status()).toBe(410);
  expect((await page.request.get(`/portal/on-demand/${run.runId}/file`)).status()).toBe(410);
  expect([...composed.objects.stored.keys()].filter((key) => key.includes(run.runId))).toEqual([]);
  expect(problems).toEqual([]);
});

test('an expired export says until when it was kept', async () => {
  const { page, run, here } = await ordered();
  await finishExport(api, composed, run, [Buffer.from('1\n')], {
    expiresAt: new Date(Date.now() + 1000).toISOString() as never,
  });
  api.time.offsetMs = 5000;
  try {
    await page.goto(here);
    await page.getByText('The file was deleted when its time was over').waitFor();
    await checkPage(page, 'run-expired');
  } finally {
    api.time.offsetMs = 0;
  }
});

test('a form with errors lists them, keeps its values, and moves the focus there', async () => {
  const tenant = await api.addTenant();
  const { page, logIn, problems } = await openVisitor(browser, url);
  await logIn(tenant.clientId, tenant.secret);
  await page.getByLabel('From', { exact: true }).fill('2026-10-02T00:00');
  await page.getByLabel('To', { exact: true }).fill('2026-10-01T00:00');
  await page.getByLabel('Seal to').fill('age1wrong\nssh-ed25519 AAAA');
  await page.getByRole('button', { name: 'Order export' }).click();
  const summary = page.getByRole('alert');
  await summary.waitFor();
  expect(await page.title()).toBe('Error: On demand – Waybill');
  expect(await page.evaluate('document.activeElement.matches("[role=alert]")')).toBe(true);
  expect(await page.getByLabel('From', { exact: true }).inputValue()).toBe('2026-10-02T00:00');
  await checkPage(page, 'on-demand-error');
  await summary.getByRole('link').first().click();
  expect(await page.evaluate('document.activeElement.id')).toBe('from');

  await page.getByLabel('To', { exact: true }).fill('2026-10-03T00:00');
  await page.getByRole('button', { name: 'Order export' }).click();
  await page.getByRole('link', { name: /^Line 2: SSH keys are not supported/ }).waitFor();
  await page.getByText(/^Columns/).click();
  await page.getByLabel('Seal to').fill('');
  for (const box of await page.locator('input[name=columns]').all()) await box.uncheck();
  await page.getByRole('button', { name: 'Order export' }).click();
  await page.getByRole('link', { name: 'Choose at least one column' }).waitFor();
  expect(problems).toEqual([]);
});

test('an outage is told on the page, with the request id, and nothing is lost', async () => {
  const { page, logIn } = await openVisitor(browser, url);
  const tenant = await api.addTenant();
  await logIn(tenant.clientId, tenant.secret);
  composed.temporal.away.add('all');
  try {
    await page.getByLabel('Dataset').selectOption({ label: 'NOTES' });
    await page.getByRole('button', { name: 'Order export' }).click();
    await page.getByText('The export was not ordered').waitFor();
    expect(await page.getByLabel('Dataset').inputValue()).toBe('NOTES');
    await checkPage(page, 'on-demand-outage');
  } finally {
    composed.temporal.away.clear();
  }
});
