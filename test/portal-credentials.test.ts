import type { Browser } from 'playwright-core';
import { beforeAll, expect, test } from 'vitest';
import type { Ledger } from '../stores/ledger/ports.ts';
import { checkPage, launchBrowser, openVisitor } from './browser.ts';
import { basic, type OwnServices, openLedger, startOwnServices } from './context.ts';

let portal: OwnServices;
let browser: Browser;
let ledger: Ledger;

beforeAll(async () => {
  [portal, browser] = await Promise.all([startOwnServices(), launchBrowser()]);
  ledger = openLedger(portal.settings);
});

const statusOf = async (clientId: string, secret: string, path = '/exports') =>
  (await fetch(`${portal.url}${path}`, { headers: { authorization: basic(clientId, secret) } })).status;

test.each([true, false])('makes, limits, rotates and revokes; script: %s', async (javaScript) => {
  const { page, problems, logIn } = await openVisitor(browser, portal.url, { javaScript });
  const clientId = `etl-${javaScript}`;
  await logIn('acme');
  await page.getByRole('link', { name: 'Credentials' }).click();
  await page.getByText('this session').waitFor();
  if (javaScript) await checkPage(page, 'credentials');

  await page.getByLabel('Client id').fill('not allowed');
  for (const door of ['On demand', 'Periodic', 'Recurring', 'Questionnaires', 'Data Export'])
    await page.getByLabel(door).uncheck();
  await page.getByLabel('Expires at the end of').fill('2020-01-01');
  await page.getByRole('button', { name: 'Create credential' }).click();
  await page.getByRole('alert').waitFor();
  expect(await page.title()).toBe('Error: Credentials – Waybill');
  expect(await page.getByRole('alert').getByRole('link').allTextContents()).toEqual([
    ...['Choose today or a later day', 'Choose at least one door'],
  ]);
  expect(await page.getByLabel('Client id').inputValue()).toBe('not allowed');
  if (javaScript) await checkPage(page, 'credentials-error');

  await page.getByLabel('Periodic').check();
  await page.getByLabel('Expires at the end of').fill('2099-12-31');
  await page.getByRole('button', { name: 'Create credential' }).click();
  await page
    .getByText(/A client id must have/)
    .first()
    .waitFor();
  await page.getByLabel('Client id').fill(clientId);
  await page.getByRole('button', { name: 'Create credential' }).click();
  const secret = (await page.locator('.secret pre').textContent()) ?? '';
  expect(secret).toMatch(/^wbs_[\w-]{43}$/);
  if (javaScript) await checkPage(page, 'credentials-secret');
  const row = page.locator('tbody tr', { hasText: clientId });
  expect((await row.locator('td').allTextContents()).slice(0, 4)).toEqual(['read', 'Periodic', 'all', 'never']);
  expect([await statusOf(clientId, secret, '/dataexport'), await statusOf(clientId, secret)]).toEqual([200, 403]);
  await page.getByRole('link', { name: 'I have stored the secret' }).click();
  expect(await page.content()).not.toContain(secret);
  expect(await row.locator('td').nth(3).textContent()).toMatch(/just now.*127\.0\.0\.1/);

  await row.getByRole('link', { name: /^Limit/ }).click();
  await page.getByLabel('On demand').check();
  if (javaScript) await checkPage(page, 'credentials-limit');
  await page.getByRole('button', { name: 'Save limits' }).click();
  expect(await row.locator('td').nth(1).textContent()).toBe('On demand, Periodic');
  expect(await statusOf(clientId, secret)).toBe(200);

  await row.getByRole('button', { name: /^New secret/ }).click();
  const next = (await page.locator('.secret pre').textContent()) ?? '';
  expect(next).not.toBe(secret);
  expect([await statusOf(clientId, secret), await statusOf(clientId, next)]).toEqual([401, 200]);
  expect((await page.request.get(page.url())).headers()['cache-control']).toBe('no-store');

  await page.goto('/portal/credentials');
  await row.getByRole('link', { name: /^Revoke/ }).click();
  await page.getByRole('heading', { name: `Revoke ${clientId}?` }).waitFor();
  expect(await page.content()).not.toContain('You are logged in with this credential');
  if (javaScript) await checkPage(page, 'credentials-revoke');
  await page.getByRole('button', { name: 'Revoke credential' }).click();
  await page.locator('summary', { hasText: 'Revoked and expired' }).waitFor();
  expect(await statusOf(clientId, next)).toBe(401);
  const trail = (await ledger.audit.list('acme', 30)).filter(
    ({ action, detail }) => detail.clientId === clientId && action !== 'login.failed',
  );
  expect(trail.map(({ action, actor }) => `${action} ${actor}`)).toEqual(
    ['disabled', 'rotated', 'limited', 'added'].map((what) => `credential.${what} acme`),
  );
  expect(portal.lines.filter((line) => line.includes(secret) || line.includes(next))).toEqual([]);
  expect(problems).toEqual([]);
});

test('nobody locks themselves out without having read it', async () => {
  await ledger.tenants.add({ key: 'alone', title: 'Alone' });
  const only = {
    tenant: 'alone',
    clientId: 'only',
    secret: 'the only one of secrets',
    scopes: ['read', 'write'] as const,
  };
  await ledger.credentials.add(only);
  const { page, problems, logIn } = await openVisitor(browser, portal.url);
  await logIn('only', only.secret);
  await page.goto('/portal/credentials');
  await page.getByRole('link', { name: 'Revoke only' }).click();
  await page.getByText('You are logged in with this credential: you are logged out with it.').waitFor();
  await page.getByText('It is the last one that may manage credentials').waitFor();
  await checkPage(page, 'credentials-revoke-own');
  await page.getByRole('link', { name: 'Keep it' }).click();
  await page.getByRole('link', { name: 'New secret only' }).click();
  await page.getByText('You are logged in with this credential').waitFor();
  await page.getByRole('button', { name: 'Make a new secret' }).click();
  const secret = (await page.locator('.secret pre').textContent()) ?? '';
  await page.getByRole('link', { name: 'I have stored the secret' }).click();
  await page.getByText('Your credential was changed or switched off').waitFor();
  await logIn('only', secret);
  await page.getByText('this session').waitFor();
  expect(problems).toEqual([]);
});

test('what is limited sees its own doors and datasets, and manages nothing; another tenant’s are not found', async () => {
  const few = {
    tenant: 'dreambuilder',
    clientId: 'few',
    secret: 'a secret for few datasets',
    scopes: ['read', 'write'] as const,
  };
  await ledger.credentials.add({ ...few, limits: { doors: ['on-demand'], datasets: ['USERS'] } });
  const { page, context, problems, logIn } = await openVisitor(browser, portal.url);
  await logIn('few', few.secret);
  expect(await page.getByRole('navigation', { name: 'Main' }).getByRole('link').allTextContents()).toEqual([
    'On demand',
    'Audit',
    'Open a file',
  ]);
  expect(await page.getByLabel('Dataset').locator('option').allTextContents()).toEqual(['Users']);
  expect((await page.request.get('/portal/credentials')).status()).toBe(403);
  await page.goto('/portal/credentials');
  await page.getByRole('heading', { name: 'Your credential is limited' }).waitFor();
  await checkPage(page, 'outside-limits');
  expect((await page.request.get('/portal/requests/1')).status()).toBe(403);
  const csrf = await page.locator('input[name=csrf]').first().inputValue();
  const cookie = (await context.cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
  const post = (path: string, fields: Record<string, string>) =>
    fetch(`${portal.url}${path}`, {
      method: 'POST',
      redirect: 'manual',
      headers: { cookie, 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ csrf, ...fields }),
    });
  expect((await post('/portal/credentials', { client_id: 'more' })).status).toBe(403);
  expect((await post('/portal/credentials/few/limit', { door: 'periodic' })).status).toBe(403);
  expect(await (await post('/portal/on-demand', { do: 'order', dataset: 'NETWORKS', format: 'csv' })).text()).toContain(
    'not for the dataset NETWORKS',
  );
  await page.goto('/portal/audit');
  expect(new Set(await page.locator('tbody tr td:nth-child(3)').allTextContents())).toEqual(new Set(['few']));

  const reader = await openVisitor(browser, portal.url);
  await reader.logIn('dreambuilder-readonly');
  await reader.page.goto('/portal/credentials');
  await reader.page.getByText('You may look').waitFor();
  expect(await reader.page.getByRole('button', { name: /create|secret/i }).count()).toBe(0);
  await checkPage(reader.page, 'credentials-read-only');
  const other = await openVisitor(browser, portal.url);
  await other.logIn('acme');
  for (const what of ['limit', 'revoke', 'rotate']) {
    expect((await other.page.request.get(`/portal/credentials/few/${what}`)).status()).toBe(404);
  }
  expect([...problems, ...reader.problems, ...other.problems]).toEqual([]);
});
