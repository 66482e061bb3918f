import { readFile } from 'node:fs/promises';
import type { Browser } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { checkPage, launchBrowser, openVisitor } from './browser.ts';
import { type OwnServices, openLedger, startOwnServices } from './context.ts';

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

test('no secret is in the log', async () => {
  const ledger = openLedger(portal.settings);
  expect(await ledger.audit.list('acme', 10)).toContainEqual(
    expect.objectContaining({ action: 'portal.logged_in', actor: 'acme' }),
  );
  expect(portal.lines.filter((line) => line.includes('demo-secret'))).toEqual([]);
});
