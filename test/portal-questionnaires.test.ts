import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { generateKey } from '../streams/age/keys.ts';
import { readZip } from './archive.ts';
import { checkPage, launchBrowser, openVisitor } from './browser.ts';
import { type OwnServices, openLedger, startOwnServices, useStack } from './context.ts';
import { openUploadGate, type UploadGate } from './upload-gate.ts';

let portal: OwnServices;
/** Between the worker and the object store. */
let gate: UploadGate;
let browser: Browser;

beforeAll(async () => {
  gate = await openUploadGate(useStack().settings.WAYBILL_OBJECTS_URL);
  const own = startOwnServices({}, { WAYBILL_OBJECTS_URL: gate.url });
  [portal, browser] = await Promise.all([own, launchBrowser()]);
});

const rowOf = (page: Page, type: string) => page.getByRole('row', { name: new RegExp(`^${type}`) });

async function open(javaScript = true) {
  const visitor = await openVisitor(browser, portal.url, { javaScript });
  await visitor.logIn();
  await visitor.page.getByRole('link', { name: 'Questionnaires' }).click();
  await visitor.page.getByRole('heading', { name: 'All questionnaires' }).waitFor();
  return visitor;
}

async function downloaded(page: Page, type: string) {
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    rowOf(page, type)
      .getByRole('link', { name: `Download ${type}` })
      .click(),
  ]);
  return { name: download.suggestedFilename(), bytes: await readFile(await download.path()) };
}

describe('questionnaires', () => {
  test('are listed; an archive is built while one looks, shows what it holds, and is downloaded', async () => {
    const { page, problems } = await open();
    expect(await page.getByRole('navigation', { name: 'All questionnaires' }).getByRole('link').count()).toBe(2);
    await rowOf(page, 'Tabular').getByText('Not started').waitFor();
    await checkPage(page, 'questionnaires-not-started');
    await rowOf(page, 'Tabular').getByRole('button', { name: 'Build' }).click();
    await rowOf(page, 'Tabular').getByText('Finished').waitFor();
    await page.getByRole('heading', { name: 'In the tabular archive' }).waitFor();
    const inside = page.getByRole('table', { name: 'Files in the tabular archive' });
    const listed = await inside.getByRole('rowheader').allInnerTexts();
    const { name, bytes } = await downloaded(page, 'Tabular');
    expect(name).toMatch(/^\w+_\d_Tabular_All\.zip$/);
    expect([...(await readZip(bytes)).keys()].sort()).toEqual(listed.map((text) => text.trim()).sort());
    await checkPage(page, 'questionnaires-finished');
    expect(problems).toEqual([]);
  });

  test('have archives of their own for each filter, and say which filter cannot be', async () => {
    const { page } = await open();
    await page.getByLabel('Interview status').selectOption('Approved by headquarters');
    await page.getByLabel('Changed from').fill('2026-02-01');
    await page.getByLabel('Changed to').fill('2026-01-01');
    await page.getByRole('button', { name: 'Show archives' }).click();
    await page.getByRole('alert').waitFor();
    expect(await page.title()).toMatch(/^Error: /);
    await checkPage(page, 'questionnaires-error');
    await page.getByLabel('Changed to').fill('2027-01-01');
    await page.getByRole('button', { name: 'Show archives' }).click();
    await expect.poll(() => page.getByLabel('Interview status').inputValue()).toBe('ApprovedByHeadquarters');
    await rowOf(page, 'Tabular').getByText('Not started').waitFor();
  });

  test('keep a filter that is being chosen while the page changes', async () => {
    const { page, context, problems } = await open();
    await page.getByLabel('Interview status').selectOption('Approved by headquarters');
    await page.getByLabel('Changed from').fill('2026-02-01');
    const other = await context.newPage();
    await other.goto('/portal/questionnaires');
    await rowOf(other, 'SPSS').getByRole('button', { name: 'Build' }).click();
    await rowOf(page, 'SPSS').getByText('Finished').waitFor();
    expect(await page.getByLabel('Interview status').inputValue()).toBe('ApprovedByHeadquarters');
    expect(await page.getByLabel('Changed from').inputValue()).toBe('2026-02-01');
    expect(problems).toEqual([]);
  });

  test('keep the archive before while the next is made, or cancelled', async () => {
    const { page, problems } = await open();
    await rowOf(page, 'Paradata').getByRole('button', { name: 'Build' }).click();
    await rowOf(page, 'Paradata').getByText('Finished').waitFor();
    const stopped = gate.hold(/^PUT \S*\/questionnaire\/\S*\.zip/);
    try {
      await rowOf(page, 'Paradata').getByRole('button', { name: 'Rebuild' }).click();
      await stopped;
      await rowOf(page, 'Paradata').getByText('stays until the new one is whole').waitFor();
      await checkPage(page, 'questionnaires-running');
      await rowOf(page, 'Paradata').getByRole('button', { name: 'Cancel' }).click();
    } finally {
      gate.release();
    }
    await rowOf(page, 'Paradata').getByRole('button', { name: 'Rebuild' }).waitFor();
    await rowOf(page, 'Paradata').getByText('Finished').waitFor();
    expect((await downloaded(page, 'Paradata')).bytes.subarray(0, 2).toString()).toBe('PK');
    expect(problems).toEqual([]);
  });

  test('are built and fetched without scripts, and one who may only read sees no button', async () => {
    const { page } = await open(false);
    await rowOf(page, 'Binary').getByRole('button', { name: 'Build' }).click();
    await expect
      .poll(async () => {
        await page.reload();
        return rowOf(page, 'Binary').textContent();
      })
      .toContain('Finished');
    expect((await downloaded(page, 'Binary')).name).toMatch(/_Binary_All\.zip$/);
    const reader = await openVisitor(browser, portal.url);
    await reader.logIn('dreambuilder-readonly');
    await reader.page.goto('/portal/questionnaires');
    await rowOf(reader.page, 'Binary').getByText('Finished').waitFor();
    expect(await reader.page.getByRole('button', { name: /Build|Rebuild|Cancel/ }).count()).toBe(0);
  });

  test('say what it takes to open an archive, and that a change removes those before', async () => {
    const ledger = openLedger(portal.settings);
    const { recipient } = await generateKey({ postQuantum: false });
    const { page, problems } = await open();
    await rowOf(page, 'Binary').getByText('Finished').waitFor();
    await ledger.archives.setSettings(
      'dreambuilder',
      { password: Buffer.from('sealed'), recipients: [recipient] },
      'test',
    );
    await page.getByText('encrypted with the password that was agreed on with the operator').waitFor();
    await page.getByText('sealed to 1\u00a0key.').waitFor();
    await rowOf(page, 'Binary').getByRole('button', { name: 'Build' }).waitFor();
    await checkPage(page, 'questionnaires-protected');
    expect(problems).toEqual([]);
  });
});
