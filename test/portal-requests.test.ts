import { readFile } from 'node:fs/promises';
import pg from 'pg';
import type { Browser, Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import type { FailureCode } from '../contracts/failures.ts';
import type { Ledger } from '../stores/ledger/ports.ts';
import { readZip } from './archive.ts';
import { checkPage, launchBrowser, openVisitor, type VisitOptions } from './browser.ts';
import { waybill } from './cli-run.ts';
import { type OwnServices, openLedger, startOwnServices, useStack } from './context.ts';
import { type Gate, openGate } from './gate.ts';
import { ALWAYS, createOnDemandClient } from './on-demand-client.ts';
import { createRequestsClient } from './requests-client.ts';

/** So far away that no test meets it. */
const NEVER = '0 0 1 1 *';
/** The worker sends the first part of a file. */
const UPLOAD = /^(?:PUT|POST) (\S+\/jobs-\S*)/;

let portal: OwnServices;
let gate: Gate;
let browser: Browser;
let ledger: Ledger;

beforeAll(async () => {
  gate = await openGate(useStack().ports.objects);
  [portal, browser] = await Promise.all([
    startOwnServices(
      { WAYBILL_REQUESTS_SCHEDULE: NEVER, WAYBILL_LOGIN_FAILURES_MAX: '1000' },
      { WAYBILL_OBJECTS_URL: `http://${gate.address}` },
    ),
    launchBrowser(),
  ]);
  ledger = openLedger(portal.settings);
});

/** Begins the batch. */
async function release() {
  const { WAYBILL_LEDGER_URL, WAYBILL_TEMPORAL_ADDRESS, WAYBILL_TEMPORAL_NAMESPACE = '' } = portal.settings;
  const settings = { WAYBILL_LEDGER_URL, WAYBILL_TEMPORAL_ADDRESS, WAYBILL_TEMPORAL_NAMESPACE };
  expect((await waybill(['requests', 'run'], settings)).errors).not.toContain('error');
}

async function query(text: string, values: readonly unknown[]): Promise<void> {
  const client = new pg.Client({ connectionString: portal.settings.WAYBILL_LEDGER_URL });
  await client.connect();
  await client.query(text, [...values]);
  await client.end();
}

const expire = (id: number) =>
  query(`update runs set expires_at = now() - interval '1 minute' where number = $1`, [id]);

async function fail(tenant: string, id: number, code: FailureCode) {
  const run = await ledger.requests.find(tenant, id);
  await ledger.runs.end(run?.runId ?? '', { state: 'failed', failure: { code, message: 'It failed.' } });
}

/** A tenant that no other test has. */
async function newTenant(name: string) {
  const secret = `the secret of ${name}`;
  await ledger.tenants.add({ key: name, title: 'Northgate Learning' });
  await ledger.credentials.add({ tenant: name, clientId: name, scopes: ['read', 'write'], secret });
  await ledger.tenants.setContacts(name, ['anna@northgate.example']);
  return {
    client: createRequestsClient(portal.url, name, secret),
    async visit(options: VisitOptions = {}) {
      const visitor = await openVisitor(browser, portal.url, options);
      await visitor.logIn(name, secret);
      return visitor;
    },
    secret,
  };
}

const rows = (page: Page) => page.locator('#requests tbody tr');
const row = (page: Page, id: number) => page.locator(`#request-${id}`);
const states = (page: Page) => page.locator('#requests .state').allTextContents();

describe('a request', () => {
  test.each([true, false])('is made, watched, downloaded and deleted; script: %s', async (javaScript) => {
    const { visit } = await newTenant(`flow-${javaScript}`);
    const { page, problems } = await visit({ javaScript });
    expect(new URL(page.url()).pathname).toBe('/portal/requests');
    await page.getByText('No requests yet').waitFor();
    if (javaScript) await checkPage(page, 'data-export-empty');
    await page.getByLabel('Realm').selectOption('Cloud');
    if (!javaScript) await page.getByRole('button', { name: 'Show its fields' }).click();
    await page.getByRole('heading', { name: 'Fields of Cloud' }).waitFor();
    await page.getByLabel('Start date').fill('2016-01-01');
    await page.getByLabel('End date').fill('2016-12-31');
    await page.getByText('JSON', { exact: true }).click();
    await page.getByText('Starts 1 Jan').waitFor();
    await page.getByText('anna@northgate.example').waitFor();
    await page.getByRole('button', { name: 'Request export' }).click();
    await page.waitForURL(/#manage$/);
    expect(await states(page)).toEqual(['Submitted']);
    expect(await rows(page).locator('.sub').textContent()).toMatch(/^Starts 1 Jan/);
    await release();
    await expect
      .poll(async () => {
        if (!javaScript) await page.reload();
        return states(page);
      })
      .toEqual(['Available']);
    expect(await page.locator('.pills').textContent()).toMatch(/All 1.*Submitted 0.*Available 1.*Expired 0.*Failed 0/s);
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: /^Download request/ }).click(),
    ]);
    const entries = await readZip(await readFile(await download.path()));
    expect([...entries.keys()]).toEqual(['Cloud--2016-01-01-2016-12-31.json', 'README.txt']);
    if (!javaScript) await page.reload();
    await page.getByText('· downloaded').waitFor();

    await page.getByRole('link', { name: /^Delete request/ }).click();
    await page.getByText('The file cannot be brought back.').waitFor();
    expect(await page.locator('.facts').textContent()).toMatch(
      /Cloud, JSON.*1 Jan 2016 – 31 Dec 2016.*rows.*downloaded/s,
    );
    if (javaScript) await checkPage(page, 'data-export-delete');
    await page.getByRole('link', { name: 'Keep it' }).click();
    expect(await states(page)).toEqual(['Available']);
    await page.getByRole('link', { name: /^Delete request/ }).click();
    await page.getByRole('button', { name: 'Delete request and file' }).click();
    await page.getByText('No requests yet').waitFor();
    expect(problems).toEqual([]);
  });

  test('that is wrong is told at its fields, with the focus on the summary, and keeps its values', async () => {
    const { visit } = await newTenant('wrong');
    const { page, problems } = await visit();
    await page.getByLabel('Realm').selectOption('Storage');
    await page.getByRole('heading', { name: 'Fields of Storage' }).waitFor();
    await page.getByLabel('Start date').fill('2015-02-01');
    await page.getByLabel('End date').fill('2016-10-31');
    await page.getByRole('button', { name: 'Request export' }).click();
    const sentence = 'Choose an end date of 1 February 2016 or earlier: one year is the most';
    await page.getByRole('alert').waitFor();
    expect(await page.title()).toBe('Error: Data Export – Waybill');
    expect(await page.getByRole('alert').evaluate('document.activeElement?.role')).toBe('alert');
    expect(await page.getByRole('alert').textContent()).toContain(sentence);
    expect(await page.locator('#end_date-error').textContent()).toBe(sentence);
    expect(await page.getByLabel('End date').getAttribute('aria-invalid')).toBe('true');
    await checkPage(page, 'data-export-error');
    await page.getByRole('link', { name: sentence }).click();
    expect(await page.evaluate('document.activeElement?.id')).toBe('end_date');
    expect(await page.getByLabel('Start date').inputValue()).toBe('2015-02-01');
    expect(await page.getByLabel('Realm').inputValue()).toBe('Storage');
    await page.getByLabel('End date').fill('2016-01-31');
    await page.getByRole('button', { name: 'Request export' }).click();
    await page.waitForURL(/#manage$/);
    expect(problems).toEqual([]);
  });

  test.each([true, false])('has rows chosen by a filter, in any format; script: %s', async (javaScript) => {
    const { visit, client } = await newTenant(`filter-${javaScript}`);
    const { page, problems } = await visit({ javaScript });
    await page.getByText('Parquet', { exact: true }).click();
    await page.getByText('More options').click();
    await page.getByRole('button', { name: 'Add a filter' }).click();
    await page.getByLabel('Column of filter 1').selectOption('Nodes');
    await page.getByLabel('Test of filter 1').selectOption('is from … to');
    await page.getByLabel('Value of filter 1').fill('8..2');
    await page.getByRole('button', { name: 'Add a filter' }).click();
    await page.getByLabel('Column of filter 2').selectOption('Queue');
    if (javaScript) await checkPage(page, 'data-export-filter');
    expect(await page.getByLabel('Column of filter 2').getByText('System Username').count()).toBe(0);
    await page.getByRole('button', { name: 'Remove filter 2' }).click();
    await page.getByLabel('Value of filter 2').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Request export' }).click();
    await page.getByRole('link', { name: 'Filter 1: from is greater than to' }).click();
    if (javaScript) await checkPage(page, 'data-export-filter-error');
    await page.getByLabel('Value of filter 1').fill('2..8');
    await page.getByLabel('Value of filter 1').press('Enter');
    await page.waitForURL(/#manage$/);
    expect(await rows(page).textContent()).toContain('Parquet1\u00a0filter');
    const [request] = await client.list();
    const run = await ledger.requests.find(`filter-${javaScript}`, request?.id ?? 0);
    expect(run?.order).toMatchObject({
      ...{ format: 'parquet', filter: [{ column: 'nodes', op: 'range', from: '2', to: '8' }] },
    });
    await fail(`filter-${javaScript}`, request?.id ?? 0, 'xlsx_too_large');
    await page.goto('/portal/requests');
    await page.getByRole('button', { name: 'Resubmit' }).click();
    await page.waitForURL(/#manage$/);
    const again = (await client.list()).map(({ id }) => ledger.requests.find(`filter-${javaScript}`, id));
    expect(new Set((await Promise.all(again)).map((other) => other?.series))).toEqual(new Set([run?.series]));
    expect(problems).toEqual([]);
  });

  test('for data that is there, or on its way, is answered with where it is', async () => {
    const { visit, client } = await newTenant('twice');
    const id = await client.submit();
    const { page, problems } = await visit();
    const again = async () => {
      await page.goto('/portal/requests?realm=Jobs&start_date=2016-01-01&end_date=2016-12-31&format=CSV');
      await page.getByRole('button', { name: 'Request export' }).click();
      await page.getByRole('alert').waitFor();
      return page.getByRole('alert').textContent();
    };
    expect(await again()).toContain(`Request ${id} for the same data is submitted already.`);
    await release();
    await client.until(id, 'Available');
    expect(await again()).toMatch(
      new RegExp(`Request ${id} holds the same data and is available until \\d+ [A-Z][a-z]+\\. Download it`),
    );
    await checkPage(page, 'data-export-duplicate');
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('alert').getByRole('link', { name: 'Download it' }).click(),
    ]);
    expect(download.suggestedFilename()).toBe('Jobs--2016-01-01-2016-12-31.zip');
    expect(problems).toEqual([]);
  });
});

describe('the list', () => {
  test('that is empty shows its first row live, and keeps the focus where it is when more come', async () => {
    const { visit, client } = await newTenant('live');
    const { page, problems } = await visit();
    await page.getByText('No requests yet').waitFor();
    await page.locator('.live', { hasText: 'Live' }).waitFor();
    const first = await client.submit();
    await row(page, first).waitFor();
    await release();
    await row(page, first).locator('.state--available').waitFor();
    await row(page, first).getByRole('checkbox').check();
    await row(page, first).getByRole('link', { name: 'Download' }).focus();
    const second = await client.submit({ realm: 'Cloud' });
    await row(page, second).waitFor();
    expect(await states(page)).toEqual(['Submitted', 'Available']);
    expect(await page.evaluate('document.activeElement?.closest("tr")?.id')).toBe(`request-${first}`);
    expect(await row(page, first).getByRole('checkbox').isChecked()).toBe(true);
    expect(await row(page, second).getByRole('checkbox').isChecked()).toBe(false);
    await client.remove([first]);
    await row(page, first).waitFor({ state: 'detached' });
    expect(await states(page)).toEqual(['Submitted']);
    await client.remove([second]);
    await page.getByText('No requests yet').waitFor();
    expect(await page.locator('.live').textContent()).toBe('Live');
    expect(problems).toEqual([]);
  });

  test('of exports on demand that is empty shows its first row live too', async () => {
    const { visit, secret } = await newTenant('live-on-demand');
    const { page, problems } = await visit();
    await page.goto('/portal/on-demand');
    await page.getByText('No exports yet').waitFor();
    await page.locator('.live', { hasText: 'Live' }).waitFor();
    await createOnDemandClient(portal.url, 'live-on-demand', secret).order({
      ...ALWAYS,
      exportType: 'NETWORKS',
      format: 'CSV',
    });
    await page.locator('#exports tr .state--available').waitFor();
    expect(problems).toEqual([]);
  });

  test('is deleted from: those that are chosen, all that have expired, all; and then none if one is gone', async () => {
    const { visit, client } = await newTenant('deleting');
    const days = Array.from({ length: 22 }, (_, day) => `2016-03-${String(day + 1).padStart(2, '0')}`);
    const ids: number[] = [];
    for (const day of days) ids.push(await client.submit({ start_date: day, end_date: day }));
    const [oldest = 0, second = 0, third = 0] = ids;
    for (const id of ids.slice(2)) await fail('deleting', id, 'internal');
    await release();
    for (const id of [oldest, second]) await client.until(id, 'Available');
    await expire(oldest);

    const { page, problems } = await visit();
    expect(await rows(page).count()).toBe(20);
    await page.getByRole('button', { name: 'Delete chosen', disabled: true }).waitFor();
    await page.getByRole('link', { name: 'Older' }).click();
    await page.waitForURL(/before=/);
    expect(await rows(page).count()).toBe(2);
    await page.getByRole('link', { name: 'Newest' }).click();
    await row(page, third).getByRole('checkbox').check();
    await row(page, ids[3] ?? 0)
      .getByRole('checkbox')
      .check();
    await page.getByRole('button', { name: 'Delete 2 chosen' }).click();
    await page.getByRole('heading', { name: 'Delete 2 requests?' }).waitFor();
    await page.getByRole('button', { name: 'Delete requests' }).click();
    await page.waitForURL(/#manage$/);
    expect(await rows(page).count()).toBe(20);
    expect(await row(page, third).count()).toBe(0);

    await page.getByRole('link', { name: 'Delete all expired' }).click();
    await page.getByRole('heading', { name: `Delete request ${oldest}?` }).waitFor();
    await page.getByRole('button', { name: 'Delete request' }).click();
    await page.waitForURL(/#manage$/);
    expect(await page.getByRole('link', { name: 'Delete all expired' }).count()).toBe(0);

    await page.getByRole('link', { name: 'Delete all', exact: true }).click();
    await page.getByRole('heading', { name: 'Delete 19 requests and their files?' }).waitFor();
    expect(await page.locator('.facts').textContent()).toMatch(
      /1 Available, 18 Failed.*1, .* together; 1 not downloaded/s,
    );
    await checkPage(page, 'data-export-delete-all');
    await client.remove([ids[4] ?? 0]);
    await page.getByRole('button', { name: 'Delete requests and files' }).click();
    await page.getByRole('heading', { name: 'Nothing was deleted' }).waitFor();
    expect(await client.list()).toHaveLength(18);
    await page.goto('/portal/requests');
    await page.getByLabel('Choose all on this page').check();
    await page.getByRole('button', { name: 'Delete 18 chosen' }).click();
    await page.getByRole('button', { name: 'Delete requests and files' }).click();
    await page.getByText('No requests yet').waitFor();
    expect(problems).toEqual([]);
  });
});

test('the page of an expired request is gone, and requests the data again', async () => {
  const { visit, client } = await newTenant('expired');
  const id = await client.submit({ start_date: '2016-05-01', end_date: '2016-05-31' });
  await release();
  await client.until(id, 'Available');
  await expire(id);
  const { page, problems } = await visit();
  expect((await page.goto(`/portal/requests/${id}`))?.status()).toBe(410);
  await page.getByRole('heading', { name: `The file of request ${id} is gone` }).waitFor();
  await checkPage(page, 'data-export-gone');
  await page.getByRole('status').getByRole('button', { name: 'Resubmit' }).click();
  await page.waitForURL(/#manage$/);
  expect(await states(page)).toEqual(['Submitted', 'Expired']);
  expect(problems).toEqual([]);
});

test('two tenants see, reach and delete only their own', async () => {
  const [one, two] = [await newTenant('own'), await newTenant('other')];
  const id = await one.client.submit();
  await release();
  await one.client.until(id, 'Available');
  const { page, problems } = await two.visit();
  await page.getByText('No requests yet').waitFor();
  for (const path of [`/${id}`, `/${id}/file`, `/delete?id=${id}`]) {
    expect((await page.request.get(`/portal/requests${path}`)).status(), path).toBe(404);
  }
  const csrf = await page.locator('input[name=csrf]').first().inputValue();
  for (const [path, form] of [
    [`/${id}/again`, { csrf }],
    ['/delete', { csrf, ids: String(id) }],
  ] as const) {
    expect((await page.request.post(`/portal/requests${path}`, { form })).status(), path).toBe(404);
  }
  expect(await one.client.show(id)).toMatchObject({ state: 'Available' });
  expect(problems).toEqual([]);
});

test('a credential that may only read sees the list and downloads, and may change nothing', async () => {
  const { client } = await newTenant('reading');
  const reader = { tenant: 'reading', clientId: 'reader', scopes: ['read'] as const, secret: 'the secret of a reader' };
  await ledger.credentials.add(reader);
  const id = await client.submit();
  await release();
  await client.until(id, 'Available');
  const { page, logIn, problems } = await openVisitor(browser, portal.url);
  await logIn(reader.clientId, reader.secret);
  await page.getByText('You may look and download').waitFor();
  expect(await page.getByRole('checkbox').count()).toBe(0);
  expect(await page.getByText(/^(Delete|Request export|Resubmit)/).count()).toBe(0);
  await checkPage(page, 'data-export-read-only');
  const csrf = await page.locator('input[name=csrf]').first().inputValue();
  const form = {
    csrf,
    realm: 'Jobs',
    start_date: '2016-01-01',
    end_date: '2016-01-31',
    format: 'CSV',
    ids: String(id),
  };
  for (const path of ['', `/${id}/again`, '/delete']) {
    expect((await page.request.post(`/portal/requests${path}`, { form })).status(), path).toBe(403);
  }
  expect((await page.request.get(`/portal/requests/delete?id=${id}`)).status()).toBe(403);
  expect((await client.list()).length).toBe(1);
  expect(problems).toEqual([]);
});

// The last, because it holds the worker up.
test('the list shows every state, and the progress of what runs; a running one can be cancelled', async () => {
  const client = createRequestsClient(portal.url);
  const month = (number: number) => ({ start_date: `2016-0${number}-01`, end_date: `2016-0${number}-28` });
  const [available, expired] = [await client.submit(month(1)), await client.submit(month(2))];
  await release();
  for (const id of [available, expired]) await client.until(id, 'Available');
  await expire(expired);
  const failed = await client.submit(month(3));
  await fail('dreambuilder', failed, 'memory_exhausted');
  const uploading = gate.holdAt(UPLOAD);
  const running = await client.submit(month(4));
  await release();
  await uploading;
  const waiting = await client.submit(month(5));

  const { page, problems, logIn } = await openVisitor(browser, portal.url);
  await logIn();
  await row(page, running).locator('progress[value]').waitFor();
  expect(await states(page)).toEqual(['Submitted', 'Submitted', 'Failed', 'Expired', 'Available']);
  expect(await row(page, running).locator('.sub').textContent()).toMatch(/^\d+\s% · [\d,]+ of about [\d,]+\srows?$/);
  expect(await row(page, waiting).locator('.sub').textContent()).toMatch(/^Starts 1 Jan/);
  expect(await row(page, available).locator('.sub').textContent()).toMatch(/^\d+\srows? · /);
  expect(await row(page, expired).textContent()).toContain('File deleted');
  expect(await row(page, failed).textContent()).toContain(
    'The request needs more memory than the service has for one. Request it again for a shorter time',
  );
  const buttons = async (id: number) =>
    (await row(page, id).locator('.acts .btn').allTextContents()).map((text) => text.replace(` request ${id}`, ''));
  expect(await Promise.all([running, waiting, available, expired, failed].map(buttons))).toEqual([
    ...[['Cancel'], ['Delete'], ['Download', 'Delete'], ['Resubmit', 'Delete'], ['Resubmit', 'Delete']],
  ]);
  await checkPage(page, 'data-export');

  for (const [name, ids] of [
    ['Submitted', [waiting, running]],
    ['Available', [available]],
    ['Expired', [expired]],
    ['Failed', [failed]],
    ['All', [waiting, running, failed, expired, available]],
  ] as const) {
    await page.getByRole('link', { name: new RegExp(`^${name} ${ids.length}$`) }).click();
    await page.locator('.pills [aria-current]', { hasText: name }).waitFor();
    expect(await page.evaluate('[...document.querySelectorAll("#requests tbody tr")].map(({ id }) => id)')).toEqual(
      ids.map((id) => `request-${id}`),
    );
  }

  await row(page, running).getByRole('link', { name: 'Cancel' }).click();
  await page.getByRole('heading', { name: `Cancel request ${running}?` }).waitFor();
  await page.getByRole('button', { name: 'Cancel request' }).click();
  await page.waitForURL(/#manage$/);
  expect(await row(page, running).count()).toBe(0);
  void gate.release();

  await row(page, expired).getByRole('button', { name: 'Resubmit' }).click();
  await page.waitForURL(/#manage$/);
  expect(await states(page)).toEqual(['Submitted', 'Submitted', 'Failed', 'Expired', 'Available']);
  expect(problems).toEqual([]);
});
