import { readFile } from 'node:fs/promises';
import type { Browser } from 'playwright-core';
import { Temporal } from 'temporal-polyfill';
import { beforeAll, expect, test } from 'vitest';
import type { Ledger } from '../stores/ledger/ports.ts';
import { checkPage, launchBrowser, openVisitor } from './browser.ts';
import { type OwnServices, openLedger, startOwnServices } from './context.ts';

let portal: OwnServices;
let browser: Browser;
let ledger: Ledger;

beforeAll(async () => {
  [portal, browser] = await Promise.all([startOwnServices(), launchBrowser()]);
  ledger = openLedger(portal.settings);
});

const ACTION = 'tbody tr td:nth-child(2)';

test('shows who did what from where, by filters that the address holds', async () => {
  const { page, problems, logIn } = await openVisitor(browser, portal.url);
  await page.goto('/portal/audit');
  await page.getByLabel('Client id').fill('acme');
  await page.getByLabel('Secret').fill('not the secret of acme');
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('alert').waitFor();
  await logIn('acme');
  await page.goto('/portal/on-demand');
  await page.getByLabel('Dataset').selectOption({ label: 'Users' });
  await page.getByText(/^Columns: all/).waitFor();
  await page.getByRole('button', { name: 'Order export' }).click();
  await page.locator('#exports .state--available').first().waitFor();
  await Promise.all([
    page.waitForEvent('download'),
    page
      .getByRole('link', { name: /^Download/ })
      .first()
      .click(),
  ]);
  await page.getByRole('link', { name: 'Audit' }).click();
  await expect
    .poll(async () => (await page.reload()) && (await page.locator(ACTION).allTextContents()))
    .toEqual(expect.arrayContaining(['Downloaded', 'Completed', 'Ordered an export', 'Logged in', 'Log-in refused']));
  await checkPage(page, 'audit');
  const ordered = page.locator('tbody tr', { hasText: 'Ordered an export' });
  expect(await ordered.locator('td').nth(1).textContent()).toBe('acme');
  expect(await ordered.locator('td').nth(2).textContent()).toMatch(/^\d+ Users/);
  expect(await ordered.locator('td').nth(3).textContent()).toBe('127.0.0.1');
  const refused = page.locator('tbody tr', { hasText: 'Log-in refused' });
  expect(await refused.locator('.state--failed').textContent()).toBe('Refused');

  await page.getByLabel('What').selectOption({ label: 'Downloads' });
  await page.getByRole('button', { name: 'Show' }).click();
  expect(new URL(page.url()).searchParams.get('what')).toBe('downloads');
  expect(await page.locator(ACTION).allTextContents()).toEqual(['Downloaded']);
  await ordered.waitFor({ state: 'detached' });
  await page.getByLabel('What').selectOption({ label: 'Anything' });
  await page.getByLabel('Who').selectOption({ label: 'Waybill' });
  await page.getByRole('button', { name: 'Show' }).click();
  expect((await page.locator(ACTION).allTextContents()).toSorted()).toEqual(['Completed', 'Log-in refused']);

  const zone = /Times in (\S+)\./.exec((await page.locator('.foot').textContent()) ?? '')?.[1];
  const today = Temporal.Now.plainDateISO(zone).toString();
  await page.goto(`/portal/audit?from=${today}&to=${today}`);
  expect(await page.locator('tbody tr').count()).toBeGreaterThanOrEqual(5);
  expect(await page.locator('tbody time').first().textContent()).toMatch(/^\d\d:\d\d:\d\d$/);
  await page.getByRole('link', { name: 'The day before' }).click();
  await page.getByText('No entries').waitFor();
  await checkPage(page, 'audit-empty');

  await page.goto('/portal/audit?from=2026-11-25&to=2026-11-24');
  await page.getByRole('alert').waitFor();
  expect(await page.title()).toBe('Error: Audit – Waybill');
  expect(await page.getByLabel('From').getAttribute('aria-invalid')).toBe('true');
  await checkPage(page, 'audit-error');
  expect(problems).toEqual([]);
});

test('is whole as CSV, in pages, in order, without a formula, and of this tenant alone; without a script', async () => {
  await ledger.tenants.add({ key: 'many', title: 'Many' });
  await ledger.credentials.add({ tenant: 'many', clientId: 'many', scopes: ['read'], secret: 'many-secret-of-test' });
  const at = Array.from({ length: 120 }, (_, place) => place);
  for (const place of at) {
    await ledger.audit.append({
      ...{ tenant: 'many', actor: place % 2 === 0 ? 'even' : 'token:=odd', action: 'export.links_revoked' },
      ...{ runId: null, detail: { file: `f${place}, "x"` } },
    });
  }
  const { page, problems, logIn } = await openVisitor(browser, portal.url, { javaScript: false });
  await logIn('many', 'many-secret-of-test');
  await page.goto('/portal/audit?what=settings');
  expect(await page.locator('tbody tr').count()).toBe(50);
  const seen = await page.locator('tbody tr td:nth-child(4)').allTextContents();
  for (const count of [50, 21]) {
    await page.getByRole('link', { name: 'Older' }).click();
    // 120 entries, and that the tenant was added.
    expect(await page.locator('tbody tr').count()).toBe(count);
    seen.push(...(await page.locator('tbody tr td:nth-child(4)').allTextContents()));
  }
  expect(seen).toEqual([...at.toReversed().map((place) => `f${place}, "x"`), '–']);
  expect(await page.getByRole('link', { name: 'Older' }).count()).toBe(0);

  await page.goto('/portal/audit');
  await page.getByLabel('Who').selectOption('token:=odd');
  await page.getByRole('button', { name: 'Show' }).click();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'Download as CSV' }).click(),
  ]);
  expect(download.suggestedFilename()).toBe('audit.csv');
  const lines = (await readFile(await download.path(), 'utf8')).split('\r\n');
  expect(lines[0]).toBe('at,action,what,who,run,run_id,of,address,result');
  expect(lines.slice(1, -1).map((line) => line.split(',').slice(1).join(','))).toEqual(
    at
      .filter((place) => place % 2 === 1)
      .toReversed()
      .map((place) => `export.links_revoked,Revoked links,'=odd,,,"f${place}, ""x""",,done`),
  );

  const answers = await Promise.all(
    ['cursor=x', 'cursor=zzzzzzzzzzz.1', 'from=2026-02-30', 'who=%00'].map((query) =>
      page.request.get(`/portal/audit?${query}`),
    ),
  );
  expect(answers.map((answer) => answer.status())).toEqual([400, 400, 422, 200]);
  const other = await openVisitor(browser, portal.url);
  await other.logIn('dreambuilder');
  expect(await (await other.page.request.get('/portal/audit/entries.csv')).text()).not.toContain('links_revoked');
  expect([...problems, ...other.problems]).toEqual([]);
});
