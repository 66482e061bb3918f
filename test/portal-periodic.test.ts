import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { standingSeries } from '../contracts/keys.ts';
import { generateKey } from '../streams/age/keys.ts';
import { unseal } from '../streams/age/payload.ts';
import { readZip } from './archive.ts';
import { checkPage, launchBrowser, openVisitor } from './browser.ts';
import { type OwnServices, openLedger, startOwnServices } from './context.ts';
import { runOf } from './scripted-temporal.ts';

let portal: OwnServices;
let browser: Browser;

beforeAll(async () => {
  [portal, browser] = await Promise.all([startOwnServices({ WAYBILL_LOGIN_FAILURES_MAX: '1000' }), launchBrowser()]);
});

const SECRET_KEY = /AGE-SECRET-KEY-(?:PQ-)?1[0-9A-Z]+/;
const enableButton = (page: Page) => page.getByRole('button', { name: 'Enable periodic exports' });
const firstSize = (page: Page) => page.getByRole('link', { name: /^user as CSV/ });

async function downloaded(page: Page, click: () => Promise<void>) {
  const [download] = await Promise.all([page.waitForEvent('download'), click()]);
  return { name: download.suggestedFilename(), bytes: await readFile(await download.path()) };
}

async function opened(bytes: Buffer, key: string): Promise<string> {
  async function* source() {
    yield bytes;
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of unseal(source(), key)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}

describe('with scripts', () => {
  test('enables, shows the key once, downloads, makes a new key, disables, resumes and deletes', async () => {
    const { page, problems, context, logIn } = await openVisitor(browser, portal.url);
    await context.grantPermissions(['clipboard-read', 'clipboard-write']);
    await logIn();
    await page.getByRole('link', { name: 'Periodic' }).click();
    await page.getByText('Not enabled').waitFor();
    await checkPage(page, 'periodic-not-enabled');

    // What is wrong is said at the field; nothing is enabled.
    await page.getByText('Another key').click();
    await page.getByLabel('Your own recipient (optional)').fill('age1nothing');
    await enableButton(page).click();
    await page.getByRole('alert').waitFor();
    expect(await page.title()).toBe('Error: Periodic – Waybill');
    expect(await page.getByLabel('Your own recipient (optional)').inputValue()).toBe('age1nothing');
    await checkPage(page, 'periodic-error');
    await page.getByLabel('Your own recipient (optional)').fill('');
    await page.getByLabel('Time', { exact: true }).fill('03:00');
    await page.getByLabel('Time zone').selectOption('Europe/Amsterdam');

    const [answer] = await Promise.all([
      page.waitForResponse((response) => response.request().method() === 'POST'),
      enableButton(page).click(),
    ]);
    expect(answer.headers()['cache-control']).toBe('no-store');
    await page.getByRole('heading', { name: /^Your private key/ }).waitFor();
    const first = SECRET_KEY.exec((await page.locator('.secret pre').textContent()) ?? '')?.[0] ?? '';
    expect(page.url()).toBe(`${portal.url}/portal/periodic`);
    await checkPage(page, 'periodic-key');
    await page.getByRole('button', { name: 'Copy private key' }).click();
    await page.getByRole('button', { name: 'Copied' }).waitFor();
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(first);
    const saved = await downloaded(page, () => page.getByRole('button', { name: 'Save as periodic.key' }).click());
    expect([saved.name, saved.bytes.toString()]).toEqual(['periodic.key', `${first}\n`]);
    await page.getByRole('link', { name: 'I have stored the key' }).click();
    await page.getByText('Live', { exact: true }).waitFor();
    expect(await page.content()).not.toMatch(SECRET_KEY);

    // The files appear by themselves.
    await firstSize(page).waitFor();
    expect(await page.locator('#generation').locator('xpath=../..').locator('tbody tr').count()).toBe(36);
    await page.getByText('Published').first().waitFor();
    expect(await page.locator('#periodic-body .facts').textContent()).toContain('every day at 03:00, Europe/Amsterdam');
    await checkPage(page, 'periodic');
    const file = await downloaded(page, () => firstSize(page).click());
    expect(file.name).toBe('user.csv.age');
    expect(await opened(file.bytes, first)).toMatch(/^id,name,title/);
    await page.getByText('JSON', { exact: true }).nth(1).click();
    const zip = await downloaded(page, () => page.getByRole('button', { name: /^Download all 36/ }).click());
    expect(zip.name).toMatch(/^dreambuilder-json-\d{4}-\d\d-\d\d\.zip$/);
    expect([...(await readZip(zip.bytes)).keys()]).toContain('user.json.age');
    const manifest = await downloaded(page, () => page.getByRole('link', { name: 'Manifest' }).click());
    expect(JSON.parse(manifest.bytes.toString())).toMatchObject({ kind: 'periodic', tenant: 'dreambuilder' });

    // A new key: the old files are gone at once, and the old key opens nothing.
    await page.getByRole('link', { name: 'New key' }).click();
    await page.getByRole('heading', { name: 'Make a new key?' }).waitFor();
    await checkPage(page, 'periodic-rotate');
    await page.getByRole('button', { name: 'Make new key' }).dblclick();
    await page.getByRole('heading', { name: /^Your private key/ }).waitFor();
    const second = SECRET_KEY.exec((await page.locator('.secret pre').textContent()) ?? '')?.[0] ?? '';
    expect(second).not.toBe(first);
    // Loading the answer again posts the form again: no third key is made, and the second one is not shown.
    await page.reload();
    await page.getByRole('alert').or(page.getByText('The key has been replaced already')).first().waitFor();
    expect(await page.content()).not.toMatch(SECRET_KEY);
    await page.goto('/portal/periodic');
    await firstSize(page).waitFor();
    const again = await downloaded(page, () => firstSize(page).click());
    await expect(opened(again.bytes, first)).rejects.toThrow();
    expect(await opened(again.bytes, second)).toMatch(/^id,name,title/);

    await page.getByRole('button', { name: 'Run now' }).click();
    await expect.poll(() => page.locator('#runs').locator('xpath=../..').locator('tbody tr').count()).toBe(3);
    await page.getByRole('link', { name: 'Disable' }).click();
    await checkPage(page, 'periodic-disable');
    await page.getByRole('button', { name: 'Disable periodic exports' }).click();
    await page.getByText('Disabled', { exact: true }).waitFor();
    await checkPage(page, 'periodic-disabled');
    expect((await downloaded(page, () => firstSize(page).click())).name).toBe('user.csv.age');
    await enableButton(page).click();
    await page.getByText('Enabled', { exact: true }).waitFor();
    expect(await page.content()).not.toMatch(SECRET_KEY);
    await page.getByRole('link', { name: 'Disable' }).click();
    await page.getByRole('button', { name: 'Disable periodic exports' }).click();
    await page.getByRole('link', { name: 'Delete all files and the recipient' }).click();
    await checkPage(page, 'periodic-delete');
    await page.getByRole('button', { name: 'Delete files and recipient' }).click();
    await page.getByText('Not enabled').waitFor();
    expect(problems).toEqual([]);

    const trail = await openLedger(portal.settings).audit.list('dreambuilder', 100);
    expect(
      trail.map(({ action }) => action).filter((action) => /^periodic\.(?!published|cancelled)/.test(action)),
    ).toEqual(
      [
        ...['deleted', 'disabled', 'resumed', 'downloaded', 'disabled', 'run_requested', 'downloaded', 'rotated'],
        ...['downloaded', 'downloaded', 'enabled'],
      ].map((action) => `periodic.${action}`),
    );
    for (const key of [first, second]) {
      expect(portal.lines.filter((line) => line.includes(key))).toEqual([]);
      expect(JSON.stringify(trail)).not.toContain(key);
    }
  });
});

describe('without scripts', () => {
  test('enables with an own recipient and a time, and downloads; another tenant sees nothing of it', async () => {
    const { page, problems, logIn } = await openVisitor(browser, portal.url, { javaScript: false });
    const own = await generateKey({ postQuantum: false });
    await logIn('acme');
    await page.goto('/portal/periodic');
    await page.getByText('Another key').click();
    await page.getByLabel('Your own recipient (optional)').fill(own.recipient);
    await enableButton(page).click();
    await page.getByText('Enabled', { exact: true }).waitFor();
    expect(await page.content()).not.toMatch(SECRET_KEY);
    await expect
      .poll(async () => {
        await page.getByRole('link', { name: 'Reload' }).click();
        return firstSize(page).count();
      })
      .toBe(1);
    const file = await downloaded(page, () => firstSize(page).click());
    expect(await opened(file.bytes, own.identity)).toMatch(/^id,name,title/);
    expect(problems).toEqual([]);

    const other = await openVisitor(browser, portal.url);
    await openLedger(portal.settings).tenants.add({ key: 'other', title: 'Other' });
    await openLedger(portal.settings).credentials.add({
      ...{ tenant: 'other', clientId: 'other', secret: 'other-demo-secret', scopes: ['read', 'write'] },
    });
    await other.logIn('other');
    await other.page.goto('/portal/periodic');
    await other.page.getByText('Not enabled').waitFor();
    expect(await other.page.content()).not.toContain(own.recipient);
    const refused = await other.page.goto('/portal/periodic/download?type=csv&file=user');
    expect(refused?.status()).toBe(404);
    await other.page.getByRole('heading', { name: 'Periodic exports are not enabled' }).waitFor();
  });
});

test('who may only read looks and downloads, and sees why runs fail', async () => {
  const ledger = openLedger(portal.settings);
  await ledger.tenants.add({ key: 'failing', title: 'Failing' });
  await ledger.tenants.setContacts('failing', ['ops@failing.example']);
  const reader = { tenant: 'failing', clientId: 'reader', secret: 'reader-demo-secret', scopes: ['read'] as const };
  await ledger.credentials.add(reader);
  const { recipient } = await generateKey({ postQuantum: false });
  await ledger.standingOrders.put({
    ...{ tenant: 'failing', kind: 'periodic', recipient, ownRecipient: true, recurrence: undefined, actor: 'failing' },
  });
  const run = { ...runOf('failing'), workflowId: standingSeries('periodic', 'failing') };
  await ledger.runs.begin(run);
  await ledger.runs.end(run.runId, {
    state: 'failed',
    failure: { code: 'warehouse_unavailable', message: 'The warehouse was away from 01:58 to 03:40.' },
  });
  const { page, problems, logIn } = await openVisitor(browser, portal.url);
  await logIn(reader.clientId, reader.secret);
  await page.goto('/portal/periodic');
  await page.getByRole('heading', { name: 'The runs fail' }).waitFor();
  expect(await page.getByText('The warehouse was away from 01:58 to 03:40.').count()).toBeGreaterThan(1);
  expect(await page.getByText('ops@failing.example').count()).toBe(1);
  expect(await page.locator('main form, main .head .btn:not(:text("Reload"))').count()).toBe(0);
  await checkPage(page, 'periodic-failing-read-only');
  expect((await page.goto('/portal/periodic/rotate'))?.status()).toBe(403);
  expect(problems).toEqual([]);
});
