import { readFile } from 'node:fs/promises';
import type { Browser } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { checkPage, launchBrowser, openVisitor } from './browser.ts';
import { keysBelow, openBucket } from './bucket.ts';
import { type OwnServices, openLedger, startOwnServices } from './context.ts';
import { encodeHistory, openTemporal } from './temporal.ts';

let portal: OwnServices;
let browser: Browser;

beforeAll(async () => {
  [portal, browser] = await Promise.all([startOwnServices({ WAYBILL_LOGIN_FAILURES_MAX: '1000' }), launchBrowser()]);
});

describe('log in', () => {
  test('leads back to the page that was asked for', async () => {
    const { page, problems, logIn } = await openVisitor(browser, portal.url);
    await page.goto('/portal/time-zone');
    expect(page.url()).toContain('/portal/login?to=%2Fportal%2Ftime-zone');
    await checkPage(page, 'login');
    await logIn();
    expect(new URL(page.url()).pathname).toBe('/portal/time-zone');
    await checkPage(page, 'time-zone');
    expect(problems).toEqual([]);
  });

  test('with a wrong secret says so', async () => {
    const { page, problems } = await openVisitor(browser, portal.url);
    await page.goto('/portal');
    await page.getByLabel('Client id').fill('dreambuilder');
    await page.getByLabel('Secret').fill('not the secret');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('alert').waitFor();
    expect(await page.getByRole('alert').textContent()).toContain('That client id and secret do not match');
    expect(await page.title()).toBe('Error: Log in – Waybill');
    expect(await page.getByLabel('Secret').inputValue()).toBe('');
    await checkPage(page, 'login-error');
    expect(problems).toEqual([]);
  });
});

describe('on demand', () => {
  test.each([true, false])('orders, watches and downloads; script: %s', async (javaScript) => {
    const { page, problems, logIn } = await openVisitor(browser, portal.url, { javaScript });
    await logIn('acme');
    await page.goto('/portal/on-demand');
    if (javaScript) await checkPage(page, 'on-demand-empty');
    await page.getByLabel('Dataset').selectOption({ label: 'Users' });
    if (!javaScript) await page.getByRole('button', { name: 'Show its columns' }).click();
    await page.getByText(/^Columns: all/).waitFor();
    await page.getByText(javaScript ? 'gzip' : 'zstd', { exact: true }).click();
    await page.getByRole('button', { name: 'Order export' }).click();
    await page.waitForURL(/#yours$/);
    await expect
      .poll(async () => {
        if (!javaScript) await page.reload();
        return page.locator('#exports tr').first().locator('.state').textContent();
      })
      .toBe('Completed');
    if (javaScript) await checkPage(page, 'on-demand');
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page
        .getByRole('link', { name: /^Download/ })
        .first()
        .click(),
    ]);
    expect(download.suggestedFilename()).toBe(javaScript ? 'users.csv.gz' : 'users.csv.zst');
    expect((await readFile(await download.path())).byteLength).toBeGreaterThan(100);
    await page.locator('#exports a').first().click();
    await page.getByRole('heading', { name: 'Proof' }).waitFor();
    if (javaScript) await checkPage(page, 'run');
    expect(problems).toEqual([]);
  });
});

test('shows the first rows and their number before an order, of this tenant alone', async () => {
  const { page, problems, logIn } = await openVisitor(browser, portal.url);
  await logIn('dreambuilder');
  await page.goto('/portal/on-demand');
  await page.getByLabel('Dataset').selectOption({ label: 'Learning activities' });
  await page.getByText('Columns: all 9').waitFor();
  await page.getByRole('button', { name: 'Update preview' }).click();
  await page.getByText(/^First 20/).waitFor();
  const rows = Number((await page.locator('.figure').textContent())?.replace(/\D/g, ''));
  expect(rows).toBeGreaterThan(20);
  expect(await page.locator('.data tbody tr').count()).toBe(20);
  const value = (await page.locator('.data tbody td').nth(2).textContent()) ?? '';
  expect(value.length).toBeGreaterThan(3);
  await checkPage(page, 'on-demand-preview');
  await page.getByRole('button', { name: 'Order export' }).click();
  await expect.poll(() => page.locator('#exports tr').first().locator('.state').textContent()).toBe('Completed');
  expect(await page.locator('#exports tr').first().locator('.num').first().textContent()).toBe(
    rows.toLocaleString('en-GB'),
  );

  // Neither the bucket nor Temporal's history has anything of it.
  expect(await keysBelow(openBucket(portal.settings), 'previews/')).toEqual([]);
  const { client } = await openTemporal(portal.settings);
  let previews = 0;
  for await (const { workflowId } of client.workflow.list({ query: "WorkflowType = 'previewOrder'" })) {
    const history = encodeHistory(await client.workflow.getHandle(workflowId).fetchHistory());
    expect(Buffer.from(history).includes('LEARNING_ACTIVITIES')).toBe(true);
    expect(Buffer.from(history).includes(value)).toBe(false);
    previews += 1;
  }
  expect(previews).toBe(1);
  expect(problems).toEqual([]);
});

test.each([true, false])('orders rows that a filter chooses; script: %s', async (javaScript) => {
  const { page, problems, logIn } = await openVisitor(browser, portal.url, { javaScript });
  await logIn('dreambuilder');
  await page.goto('/portal/on-demand?dataset=LEARNING_ACTIVITIES');
  await page.getByRole('button', { name: 'Add a filter' }).click();
  await page.getByLabel('Column of filter 1').selectOption({ label: 'Status' });
  await page.getByLabel('Test of filter 1').selectOption({ label: 'is one of' });
  await page.getByLabel('Value of filter 1').fill('completed, failed');
  await page.getByRole('button', { name: 'Add a filter' }).click();
  await page.getByLabel('Column of filter 2').selectOption({ label: 'Timespent' });
  await page.getByLabel('Test of filter 2').selectOption({ label: 'is from … to' });
  await page.getByLabel('Value of filter 2').fill('long');
  await page.getByRole('button', { name: 'Update preview' }).click();
  await page.getByRole('alert').waitFor();
  if (javaScript) await checkPage(page, 'on-demand-filter-error');
  await page.getByLabel('Value of filter 2').fill('600..');
  await page.getByRole('button', { name: 'Update preview' }).click();
  await page.getByText(/^First 20/).waitFor();
  const [status, spent] = await Promise.all(
    ['Status', 'Timespent'].map(async (name) => {
      const heads = await page.locator('.data thead th').allTextContents();
      const place = heads.indexOf(name) + 1;
      return page.locator(`.data tbody td:nth-child(${place})`).allTextContents();
    }),
  );
  expect(status?.every((value) => ['completed', 'failed'].includes(value))).toBe(true);
  expect(spent?.every((value) => Number(value) >= 600)).toBe(true);
  if (javaScript) await checkPage(page, 'on-demand-filter');
  await page.getByText('How values are written').click();
  await page.getByLabel('CSV for Excel').check();
  await page.getByRole('button', { name: 'Order export' }).click();
  await expect
    .poll(async () => {
      if (!javaScript) await page.reload();
      return page.locator('#exports tr').first().locator('.state').textContent();
    })
    .toBe('Completed');
  await page.locator('#exports a').first().click();
  await page.getByText('Status is one of completed, failed').waitFor();
  await page.getByText('semicolon, header, UTF-8 with BOM').waitFor();
  if (javaScript) await checkPage(page, 'run-filter');
  expect(problems).toEqual([]);
});

test('no secret is in the log', async () => {
  const ledger = openLedger(portal.settings);
  expect(await ledger.audit.list('acme', 10)).toContainEqual(
    expect.objectContaining({ action: 'portal.logged_in', actor: 'acme' }),
  );
  expect(portal.lines.filter((line) => line.includes('demo-secret'))).toEqual([]);
});
