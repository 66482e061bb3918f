import { readFileSync } from 'node:fs';
import pg from 'pg';
import type { Browser } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { generateKey } from '../streams/age/keys.ts';
import { checkPage, launchBrowser, openVisitor } from './browser.ts';
import { writeCatalog } from './cleanup.ts';
import { openLedger } from './context.ts';
import { type LosableServices, startLosable } from './lost-workers-set-up.ts';
import { createOnDemandClient, type OnDemandClient } from './on-demand-client.ts';

/** January and February 2026: each day has ten rows more than the one before, and 15 January has none. */
const CATALOG = `
datasets:
  - name: VISITS
    title: Visits
    doors: [on-demand]
    sql: >-
      SELECT 'dreambuilder' AS tenant, d AS day, d * 1000 + i AS id, TIMESTAMP '2026-01-01 12:00' + to_days(d::INTEGER) AS created
      FROM range(59) AS days(d), range(600) AS r(i) WHERE d <> 14 AND i < (d + 1) * 10
    tenant_column: tenant
    created_column: created
    key: [id]
    columns: [{ name: id, type: integer }, { name: day, type: integer }]
  - name: BREAKS
    title: Breaks at its last row
    doors: [on-demand]
    sql: >-
      SELECT 'dreambuilder' AS tenant, i AS id, CASE WHEN i < 9999 THEN 'fine' ELSE error('innermost') END AS text
      FROM range(10000) AS r(i)
    tenant_column: tenant
    key: [id]
    columns: [{ name: id, type: integer }, { name: text, type: text }]
  - name: LONG
    title: Long texts
    doors: [on-demand]
    sql: |
      SELECT 'dreambuilder' AS tenant, i AS id, repeat(md5(i::VARCHAR), 150) AS text,
        TIMESTAMP '2026-01-01' + i * INTERVAL 1 MINUTE AS at
      FROM range(20000) AS r(i)
    tenant_column: tenant
    created_column: at
    key: [id]
    columns: [{ name: id, type: integer }, { name: text, type: text }]
`;
const TWO_MONTHS = { startDate: '2026-01-01', endDate: '2026-02-28T23:59:59.999999Z' };

let portal: LosableServices;
let browser: Browser;
let client: OnDemandClient;

beforeAll(async () => {
  [portal, browser] = await Promise.all([
    startLosable({ ...(await writeCatalog(CATALOG)), WAYBILL_PART_ROWS: '5000' }),
    launchBrowser(),
  ]);
  client = createOnDemandClient(portal.url, 'dreambuilder');
});

async function openPage(runId: string, javaScript = true) {
  const run = await openLedger(portal.settings).runs.find(runId);
  const visitor = await openVisitor(browser, portal.url, { javaScript });
  await visitor.logIn();
  const answer = await visitor.page.goto(`/portal/on-demand/${run?.number}`);
  return { ...visitor, status: answer?.status(), number: run?.number };
}

describe('the page of an export', () => {
  test('that is completed plots the rows of each day, and names the day that has none', async () => {
    const id = await client.order({ ...TWO_MONTHS, exportType: 'VISITS', format: 'CSV' });
    await client.ended(id);
    const { rows, rowsByDay = [] } = await client.described(id);
    expect(rowsByDay.map(({ day }) => day)).not.toContain('2026-01-15');
    expect([rowsByDay.length, rowsByDay.at(-1), rows]).toEqual([58, { day: '2026-02-28', rows: 590 }, 17_550]);
    const { page, problems } = await openPage(id);
    await page.getByText('One day has none: 15 Jan.').waitFor();
    expect(await page.locator('.plot rect').count()).toBe(59);
    expect(await page.locator('.plot rect.none title').textContent()).toBe('15 Jan: no rows');
    expect(
      await page.getByRole('img', { name: /^Rows per day from 1 Jan to 28 Feb: between 10 and 590 rows/ }).count(),
    ).toBe(1);
    await page.getByText('Show as a table').click();
    expect(await page.locator('details tbody tr').count()).toBe(59);
    await checkPage(page, 'run-completed');
    expect(problems).toEqual([]);
  });

  test('of several files lists them, each with a download and a page that opens it', async () => {
    const { recipient } = await generateKey({ postQuantum: false });
    const { page, problems, logIn } = await openVisitor(browser, portal.url);
    await logIn();
    await page.goto('/portal/on-demand');
    await page.getByLabel('Dataset').selectOption({ label: 'Visits' });
    await page.getByText('Several, if it has many rows').click();
    await page.getByLabel('Seal to').fill(recipient);
    await page.getByRole('button', { name: 'Order export' }).click();
    const newest = page
      .getByRole('table', { name: /exports/i })
      .getByRole('row')
      .nth(1)
      .getByRole('link')
      .first();
    await newest.click();
    const files = page.getByRole('table', { name: 'Files of this export' });
    await files.waitFor();
    const names = await files.getByRole('rowheader').allInnerTexts();
    expect(names).toEqual([1, 2, 3, 4].map((number) => `visits-000${number}.csv.age`));
    await page.getByRole('link', { name: 'Download all 4 files as a zip' }).waitFor();
    await checkPage(page, 'run-divided');

    const saving = page.waitForEvent('download');
    await files.getByRole('link', { name: names[1] ?? '' }).click();
    const saved = await (await saving).path();
    expect(readFileSync(saved, 'utf8').startsWith('age-encryption.org/v1')).toBe(true);
    await files.getByRole('link', { name: 'Open in the browser' }).nth(1).click();
    await page.getByRole('heading', { name: /^Open export/ }).waitFor();
    expect(await page.locator('#open-form').getAttribute('data-name')).toBe(names[1]);
    expect(await page.locator('#open-form').getAttribute('data-bytes')).toBe(String(readFileSync(saved).length));
    expect(problems).toEqual([]);
  });

  test('of one day, or of all time, has no plot', async () => {
    for (const window of [
      { startDate: '2026-01-03', endDate: '2026-01-03T23:59:59Z' },
      { startDate: '1900-01-01', endDate: '2100-01-01' },
    ]) {
      const id = await client.order({ ...window, exportType: 'VISITS', format: 'CSV' });
      await client.ended(id);
      const { page } = await openPage(id, false);
      await page.getByRole('heading', { name: 'Proof' }).waitFor();
      expect(await page.locator('.plot').count()).toBe(0);
    }
  });

  test('that runs shows how far it is, and can be cancelled', async () => {
    const stopped = portal.objects.holdAt(/^PUT (\S+)\?\S*partNumber=2[&\s]/);
    const id = await client.order({ ...TWO_MONTHS, exportType: 'LONG', format: 'CSV' });
    try {
      await stopped;
      const { page, problems } = await openPage(id);
      await page.getByText('You can close this page').waitFor();
      await page.getByText(/of 20,000.rows/).waitFor();
      const parts = page.getByRole('table', { name: 'Parts of the file' });
      await page.getByText('0 of 4 written').waitFor();
      expect(await parts.getByRole('rowheader').allInnerTexts()).toHaveLength(4);
      await parts
        .getByText(/about [\d,]+/)
        .first()
        .waitFor();
      expect(await parts.getByText('Waiting').count()).toBeGreaterThan(0);
      await checkPage(page, 'run-running');
      await page.goto('/portal/on-demand');
      await page.locator('#exports progress').first().waitFor();
      await checkPage(page, 'on-demand-running');
      await page.goBack();
      await page.getByRole('button', { name: 'Cancel export' }).click();
      await (await stopped).givenUp;
      void portal.objects.release();
      await page.getByText('The export was cancelled').waitFor();
      await checkPage(page, 'run-cancelled');
      expect(problems).toEqual([]);
    } finally {
      void portal.objects.release();
    }
  });

  test('that failed says why, without the words of the warehouse, and what to do', async () => {
    const id = await client.order({ ...TWO_MONTHS, exportType: 'BREAKS', format: 'CSV' });
    await client.ended(id);
    const { page } = await openPage(id);
    await page.getByText('The export could not be made').waitFor();
    expect(await page.content()).not.toContain('innermost');
    await page.getByRole('button', { name: 'Order again' }).waitFor();
    await checkPage(page, 'run-failed');
  });

  test('whose time is over answers 410, and leads to a new one', async () => {
    const id = await client.order({ ...TWO_MONTHS, exportType: 'VISITS', format: 'JSONL' });
    await client.ended(id);
    const database = new pg.Client({ connectionString: portal.settings.WAYBILL_LEDGER_URL });
    await database.connect();
    await database.query("update runs set expires_at = now() - interval '1 day' where run_id = $1", [id]);
    await database.end();
    const { page, status, number } = await openPage(id);
    expect(status).toBe(410);
    await page.getByText('The file was deleted when its time was over').waitFor();
    await checkPage(page, 'run-expired');
    await page.getByRole('button', { name: 'Order again' }).click();
    await expect.poll(() => page.url()).toMatch(/\/portal\/on-demand\/\d+$/);
    expect(page.url()).not.toMatch(new RegExp(`/${number}$`));
  });

  test('that is deleted asks first', async () => {
    const id = await client.order({ ...TWO_MONTHS, exportType: 'VISITS', format: 'CSV', columns: ['id'] });
    await client.ended(id);
    const { page, number } = await openPage(id);
    await page.getByRole('link', { name: 'Delete' }).click();
    await page.getByText(`Delete export ${number} and its file?`).waitFor();
    await checkPage(page, 'run-delete');
    await page.getByRole('button', { name: 'Delete export and file' }).click();
    await page.getByText('The file was deleted', { exact: true }).waitFor();
    await checkPage(page, 'run-deleted');
  });
});
