import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import pg from 'pg';
import type { Browser, Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { instantFromDate } from '../contracts/instant.ts';
import { RECURRING } from '../contracts/recurring.ts';
import { parseSshKey } from '../contracts/ssh-key.ts';
import { generateSshKey } from '../stores/remotes/ssh-keys.ts';
import { checkPage, launchBrowser, openVisitor } from './browser.ts';
import { type ChangingRow, type ChangingWarehouse, makeChangingWarehouse } from './changing-warehouse.ts';
import { closeAtEnd } from './cleanup.ts';
import { type OwnServices, openLedger, startOwnServices } from './context.ts';
import { FAILED, TOTALS } from './ledger-set-up.ts';

const { kind } = RECURRING;

let warehouse: ChangingWarehouse;
let portal: OwnServices;
let browser: Browser;

const ROW: ChangingRow = { id: 1, text: 'one', created: '2026-01-01T00:00:00', modified: null, deleted: false };

beforeAll(async () => {
  warehouse = await makeChangingWarehouse(['user', 'user_logins', 'content']);
  await warehouse.write('user', [ROW, { ...ROW, id: 2, tenant: 'acme' }]);
  [portal, browser] = await Promise.all([startOwnServices(warehouse.settings), launchBrowser()]);
});

/** @returns the day so many days before today, in UTC */
function dayBefore(days: number): string {
  return new Date(Date.now() - days * 86_400_000).toISOString().slice(0, 10);
}

async function downloaded(page: Page, name: string | RegExp) {
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name }).first().click(),
  ]);
  return { name: download.suggestedFilename(), text: (await readFile(await download.path())).toString() };
}

test('registers, delivers, shows the day and its files, and changes the registration', async () => {
  const ledger = openLedger(portal.settings);
  const hostKey = generateSshKey();
  await ledger.sftpHostKey.obtain(() => hostKey.private);
  const { page, problems, logIn } = await openVisitor(browser, portal.url);
  await logIn();
  await page.getByRole('link', { name: 'Recurring' }).click();
  await page.getByText('Not registered').waitFor();
  const fingerprint = parseSshKey(hostKey.public);
  expect('fingerprint' in fingerprint && (await page.getByText(fingerprint.fingerprint).count())).toBe(1);
  await checkPage(page, 'recurring-not-registered');

  // Nothing is chosen: said at the entities, and nothing is lost of what was filled in.
  await page.getByText('Monday', { exact: true }).click();
  await page.getByRole('button', { name: 'Save registration' }).click();
  await page.getByRole('alert').waitFor();
  expect(await page.title()).toBe('Error: Recurring – Waybill');
  expect(await page.getByRole('radio', { name: 'Monday' }).isChecked()).toBe(true);
  await checkPage(page, 'recurring-error');
  await page.getByText('Day', { exact: true }).click();
  await page.getByLabel('user', { exact: true }).check();
  await page.getByLabel('content', { exact: true }).check();
  await page.getByRole('button', { name: 'Save registration' }).click();
  await page.getByText('Active', { exact: true }).waitFor();
  expect(await page.getByText('2 of 3 entities').count()).toBe(1);

  // The delivery appears by itself, in the calendar and in the list.
  await page.getByRole('button', { name: 'Run now' }).click();
  const row = page.locator('#recurring-deliveries tbody[role] tr').first();
  await expect.poll(() => row.locator('.state').first().textContent(), { timeout: 60_000 }).toBe('Delivered');
  await page.locator('a.day--full').waitFor();
  expect(await page.locator('#calendar').locator('xpath=..').textContent()).toMatch(/No gap in 1\sday/);
  await checkPage(page, 'recurring');
  await page.locator('a.day--full').click();
  await page.getByText('Full load delivered.').waitFor();
  await checkPage(page, 'recurring-day');
  expect(await downloaded(page, /^user as CSV/)).toMatchObject({ name: 'user.csv', text: /one/ });
  const manifest = await downloaded(page, 'Manifest');
  expect(JSON.parse(manifest.text)).toMatchObject({ kind, tenant: 'dreambuilder', delivery: { previous: null } });
  await page.getByRole('button', { name: 'Deliver again' }).click();
  await expect
    .poll(
      async () => {
        await page.reload();
        return page.locator('#runs').locator('xpath=../..').locator('.state').allTextContents();
      },
      { timeout: 60_000 },
    )
    .toEqual(['Delivered', 'Replaced']);
  expect(await page.getByText('1 earlier of this day').count()).toBe(1);

  await page.goto('/portal/recurring');
  await page.getByRole('link', { name: 'Queue a full load' }).click();
  await page.getByRole('button', { name: 'Queue a full load' }).click();
  await page.getByRole('alert').waitFor();
  await checkPage(page, 'recurring-full-load');
  await page.getByLabel('user', { exact: true }).check();
  await page.getByRole('button', { name: 'Queue a full load' }).click();
  await page.getByRole('heading', { name: 'A full load is queued' }).waitFor();
  expect(await page.getByText('The next run delivers every row of user.').count()).toBe(1);

  await page.getByText('None', { exact: true }).click();
  await page.getByRole('button', { name: 'Save registration' }).click();
  await page.getByText('Disabled', { exact: true }).waitFor();
  expect(problems).toEqual([]);
  const trail = await ledger.audit.list('dreambuilder', 50);
  expect(trail.map(({ action }) => action).filter((action) => /^recurring\.(?!published)/.test(action))).toEqual(
    ['disabled', 'full_load', 'run_requested', 'downloaded', 'run_requested', 'registered'].map(
      (name) => `${kind}.${name}`,
    ),
  );
});

describe('SFTP keys', () => {
  test('are added and removed', async () => {
    const { page, problems, logIn } = await openVisitor(browser, portal.url);
    await logIn('dreambuilder');
    await page.goto('/portal/recurring');
    const input = page.getByLabel('Add a public key');
    const { private: secret, public: line } = generateSshKey();
    await input.fill(secret.replaceAll('\n', ' '));
    await page.getByRole('button', { name: 'Add key' }).click();
    await page.getByRole('alert').waitFor();
    // A private key that was pasted by mistake is not sent back.
    expect(await page.content()).not.toContain(secret.slice(60, 100));
    await checkPage(page, 'recurring-key-error');
    await input.fill(`${line} etl-prod`);
    await page.getByRole('button', { name: 'Add key' }).click();
    await page.getByRole('rowheader', { name: 'Ed25519' }).waitFor();
    await page.getByRole('link', { name: /^Remove/ }).click();
    await checkPage(page, 'recurring-key-remove');
    await page.getByRole('button', { name: 'Remove key' }).click();
    await page.getByText('No key is added.').waitFor();
    expect(problems).toEqual([]);
    const trail = await openLedger(portal.settings).audit.list('dreambuilder', 5);
    expect(trail.map(({ action }) => action)).toEqual(expect.arrayContaining(['sftp_key.added', 'sftp_key.disabled']));
    expect(portal.lines.filter((text) => text.includes(secret.slice(60, 100)))).toEqual([]);
  });
});

test('works without scripts, and shows nothing of another tenant', async () => {
  const { page, problems, logIn } = await openVisitor(browser, portal.url, { javaScript: false });
  await logIn('acme');
  await page.goto('/portal/recurring');
  await page.getByText('Not registered').waitFor();
  await page.getByText('All', { exact: true }).click();
  await page.getByRole('button', { name: 'Save registration' }).click();
  await Promise.all([
    // Going elsewhere before the answer breaks off the request.
    page.waitForResponse((response) => response.request().method() === 'POST'),
    page.getByRole('button', { name: 'Run now' }).click(),
  ]);
  await expect
    .poll(
      async () => {
        await page.goto('/portal/recurring');
        // Nothing appears by itself, so whatever is not there yet is not waited for.
        return (await page.locator('tbody[role] .state').allTextContents())[0];
      },
      { timeout: 60_000 },
    )
    .toBe('Delivered');
  await page.locator('a.day--full').click();
  expect((await downloaded(page, /^user as CSV/)).text).not.toContain('1,one');
  const [run] = (await openLedger(portal.settings).runs.list('dreambuilder', { kind }, { cursor: null, limit: 1 }))
    .rows;
  expect((await page.goto(`/portal/recurring/runs/${run?.runId}/files/user.csv`))?.status()).toBe(404);
  expect((await page.goto(`/portal/recurring/days/${dayBefore(3)}`))?.status()).toBe(404);
  expect(problems).toEqual([]);
});

test('a gap, a failed day and a held entity are seen, with what to do', async () => {
  const ledger = openLedger(portal.settings);
  const tenant = 'gapped';
  await ledger.tenants.add({ key: tenant, title: 'Gapped' });
  for (const scopes of [['read', 'write'], ['read']] as const) {
    const clientId = scopes.length === 2 ? tenant : 'gapped-reader';
    await ledger.credentials.add({ tenant, clientId, secret: `${clientId}-demo-secret`, scopes });
  }
  const instant = (days: number) => instantFromDate(new Date(`${dayBefore(days)}T01:30:00Z`));
  /** A day that is restored from its manifest, as after the loss of the ledger. */
  const deliver = (days: number, complete = false) =>
    ledger.runs.restore({
      ...{ ...TOTALS, runId: randomUUID(), workflowId: `w-${days}`, tenant, kind, subject: 'recurring' },
      ...{ day: dayBefore(days), endedAt: new Date(), expiresAt: new Date('2036-01-01') },
      delivered: ['user', 'content'].map((dataset) => ({
        ...{ dataset, complete, columns: [], rows: 1 },
        ...{ windowFrom: complete ? null : instant(days + 1), windowTo: instant(days) },
      })),
    });
  await ledger.registrations.register({
    ...{ tenant, kind, datasets: ['user', 'content'], startsFrom: null, actor: tenant },
    recurrence: { frequency: 'daily', at: null, timeZone: null },
  });
  await deliver(7, true);
  await deliver(6);
  // The manifest of the day in between was lost.
  await deliver(4);
  await deliver(3);
  const runId = randomUUID();
  await ledger.runs.begin({
    ...{ runId, workflowId: 'w-failed', tenant, kind, subject: 'recurring', startedAt: new Date() },
    changes: {
      period: () => ({ day: dayBefore(1), end: instant(1) }),
      columns: () => [{ name: 'id', type: 'integer' }],
      needsBase: () => false,
    },
  });
  await ledger.runs.end(runId, FAILED);
  const raw = new pg.Client({ connectionString: portal.settings.WAYBILL_LEDGER_URL });
  await raw.connect();
  closeAtEnd(() => raw.end());
  const held = { code: 'schema_changed', message: 'The column text has another type.' };
  await raw.query(`update standing_files set held = $1 where dataset = 'content'`, [JSON.stringify(held)]);
  await ledger.destinations.put({
    ...{ tenant, secret: Buffer.from('sealed'), actor: tenant },
    config: {
      ...{ kind: 'sftp', host: 'sftp.gapped.example', port: 22, user: 'waybill', directory: 'inbox' },
      ...{ hostKey: 'SHA256:x', hostKeyType: null, template: '{year}/{month}/{day}/{entity}', rowsPerFile: null },
    },
  });

  const { page, problems, logIn } = await openVisitor(browser, portal.url);
  await logIn(tenant);
  await page.goto('/portal/recurring');
  const gap = page.locator('a.day--gap');
  expect(await gap.getAttribute('href')).toBe(`/portal/recurring/days/${dayBefore(5)}`);
  expect(await gap.getAttribute('title')).toMatch(/: gap, rows are missing$/);
  expect(await page.locator('a.day--full').count()).toBe(1);
  expect(await page.locator('.months span.day--ok').count()).toBe(3);
  expect(await page.locator('a.day--late').getAttribute('title')).toMatch(/: failed, the next run makes up for it$/);
  expect(await page.locator('#calendar').locator('xpath=..').textContent()).toContain('Gap');
  await page.getByRole('heading', { name: 'content is held' }).waitFor();
  await page.getByText('sftp://waybill@sftp.gapped.example:22').waitFor();
  await checkPage(page, 'recurring-gap');

  await gap.click();
  await page.getByRole('heading', { name: 'user: rows are missing' }).waitFor();
  await checkPage(page, 'recurring-gap-day');
  await page.getByRole('link', { name: 'Queue a full load' }).last().click();
  expect(await page.getByLabel('user', { exact: true }).isChecked()).toBe(true);

  const reader = await openVisitor(browser, portal.url);
  await reader.logIn('gapped-reader');
  await reader.page.goto('/portal/recurring');
  await reader.page.locator('a.day--gap').waitFor();
  expect(await reader.page.locator('main form').count()).toBe(0);
  await checkPage(reader.page, 'recurring-read-only');
  expect((await reader.page.goto('/portal/recurring/full-load'))?.status()).toBe(403);

  // A later full load has what was missing.
  await deliver(2, true);
  await page.goto('/portal/recurring');
  expect(await page.locator('a.day--gap').count()).toBe(0);
  expect(await page.locator('a.day--late').first().getAttribute('title')).toMatch(
    /: rows were missing, the full load of \d+ \w+ has them$/,
  );
  expect(problems).toEqual([]);
});
