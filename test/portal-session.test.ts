import pg from 'pg';
import type { Browser } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { checkPage, launchBrowser, openVisitor } from './browser.ts';
import { type OwnServices, openLedger, startOwnServices } from './context.ts';
import { createRequestsClient } from './requests-client.ts';

let portal: OwnServices;
let browser: Browser;

beforeAll(async () => {
  [portal, browser] = await Promise.all([startOwnServices(), launchBrowser()]);
});

/** Posts a form as a program would. */
function post(path: string, fields: Record<string, string>, headers: Record<string, string> = {}) {
  return fetch(`${portal.url}${path}`, {
    method: 'POST',
    redirect: 'manual',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams(fields),
  });
}

test('the link in the mail about a request leads, after the log-in, to its download, and no other tenant', async () => {
  const client = createRequestsClient(portal.url);
  const id = await client.submit({ realm: 'Cloud' });
  await client.until(id, 'Available');
  const { page, logIn, problems } = await openVisitor(browser, portal.url);
  await page.goto(`/portal/requests/${id}`);
  await logIn('dreambuilder', 'dreambuilder-demo-secret');
  await page.getByRole('heading', { name: `Download request ${id} now?` }).waitFor();
  await checkPage(page, 'request');
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('status').getByRole('link', { name: 'Download' }).click(),
  ]);
  expect(download.suggestedFilename()).toBe('Cloud--2016-01-01-2016-12-31.zip');
  expect(await download.failure()).toBeNull();
  const other = await openVisitor(browser, portal.url);
  await other.page.goto(`/portal/requests/${id}`);
  await other.logIn('acme', 'acme-demo-secret');
  await other.page.getByRole('heading', { name: 'There is nothing here' }).waitFor();
  expect(problems).toEqual([]);
});

describe('a session', () => {
  test('ends at once when its credential is rotated, its tenant disabled, or on log out', async () => {
    const ledger = openLedger(portal.settings);
    await ledger.tenants.add({ key: 'short', title: 'Short' });
    const first = {
      tenant: 'short',
      clientId: 'short',
      scopes: ['read', 'write'] as const,
      secret: 'the first of secrets',
    };
    await ledger.credentials.add(first);
    const { page, logIn, problems } = await openVisitor(browser, portal.url);
    await logIn(first.clientId, first.secret);
    await page.getByRole('heading', { name: 'Data Export', exact: true }).waitFor();

    await ledger.credentials.rotate('short', 'the second of secrets');
    await page.goto('/portal/on-demand?cursor=');
    await page.getByText('Your credential was changed or switched off').waitFor();
    await checkPage(page, 'login-revoked');
    await logIn('short', 'the second of secrets');
    expect(page.url()).toBe(`${portal.url}/portal/on-demand?cursor=`);

    await ledger.tenants.disable('short');
    await page.reload();
    await page.getByText('Your credential was changed or switched off').waitFor();
    await ledger.tenants.enable('short');
    await page.goto('/portal');
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByText('You are logged out').waitFor();
    await page.goBack();
    await page.reload();
    await page.getByLabel('Client id').waitFor();
    expect(problems).toEqual([]);
  });

  test('gets a new token at every log-in, out of reach of scripts and of other sites', async () => {
    const { page, context, logIn } = await openVisitor(browser, portal.url);
    const tokens: string[] = [];
    for (const _ of [1, 2]) {
      await logIn();
      const session = (await context.cookies()).find(({ name }) => name === 'waybill-session');
      expect(session).toMatchObject({ httpOnly: true, sameSite: 'Lax', path: '/portal' });
      tokens.push(session?.value ?? '');
      expect(await page.content()).not.toContain(session?.value);
      await page.getByRole('button', { name: 'Log out' }).click();
      await page.getByText('You are logged out').waitFor();
    }
    expect(new Set(tokens).size).toBe(2);
    await context.addCookies([{ name: 'waybill-session', value: tokens[0] ?? '', url: `${portal.url}/portal` }]);
    await page.goto('/portal/on-demand');
    expect(new URL(page.url()).pathname).toBe('/portal/login');
  });

  test('is over 30 minutes after its last use', async () => {
    const { page, logIn } = await openVisitor(browser, portal.url);
    await logIn();
    await aged(31);
    await page.goto('/portal/time-zone');
    await page.getByText('You were logged out after 30 min. Nothing was lost.').waitFor();
    await checkPage(page, 'logged-out');
    await logIn();
    expect(new URL(page.url()).pathname).toBe('/portal/time-zone');

    // A form that is sent then is not lost either.
    await page.goto('/portal/on-demand');
    await page.getByLabel('Dataset').selectOption({ label: 'Networks' });
    await page.getByText('Columns: all 8').waitFor();
    await page.getByLabel('From', { exact: true }).fill('2026-10-01T00:00');
    await page.getByText('gzip', { exact: true }).click();
    await aged(31);
    await page.getByRole('button', { name: 'Order export' }).click();
    await page.getByText('Nothing was lost.').waitFor();
    await logIn();
    expect(await page.getByLabel('Dataset').inputValue()).toBe('NETWORKS');
    expect(await page.getByLabel('From', { exact: true }).inputValue()).toBe('2026-10-01T00:00');
    expect(await page.getByLabel('gzip').isChecked()).toBe(true);
    expect(page.url()).not.toContain('csrf');
  });
});

/** Lets all sessions look as if they had not been used for some minutes. */
async function aged(minutes: number): Promise<void> {
  const client = new pg.Client({ connectionString: portal.settings.WAYBILL_LEDGER_URL });
  await client.connect();
  await client.query('update portal_sessions set used_at = used_at - make_interval(mins => $1)', [minutes]);
  await client.end();
}

describe('a form', () => {
  test('without the token of its session changes nothing', async () => {
    const { page, context, logIn } = await openVisitor(browser, portal.url);
    await logIn();
    await page.goto('/portal/on-demand');
    const own = await page.locator('input[name=csrf]').first().inputValue();
    const other = await openVisitor(browser, portal.url);
    await other.logIn('acme');
    const foreign = await other.page.locator('input[name=csrf]').first().inputValue();
    const cookie = (await context.cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
    const order = { do: 'order', dataset: 'USERS', format: 'csv' };
    const ledger = openLedger(portal.settings);
    const count = async () =>
      (await ledger.runs.list('dreambuilder', { kind: 'on-demand' }, { cursor: null, limit: 9 })).rows.length;
    const before = await count();
    for (const csrf of ['', 'x', foreign, `${own}x`]) {
      expect((await post('/portal/on-demand', { ...order, csrf }, { cookie })).status).toBe(403);
    }
    expect(
      (await post('/portal/on-demand', { ...order, csrf: own }, { cookie, origin: 'https://evil.example' })).status,
    ).toBe(403);
    expect((await post('/portal/on-demand', { ...order, csrf: own })).status).toBe(303);
    expect((await post('/portal/logout', { csrf: 'x' }, { cookie })).status).toBe(403);
    expect(await count()).toBe(before);
    expect((await post('/portal/on-demand', { ...order, csrf: own }, { cookie })).status).toBe(303);
    expect(await count()).toBe(before + 1);
  });

  test('of the log-in page belongs to the browser that loaded it', async () => {
    const fields = { client_id: 'dreambuilder', client_secret: 'dreambuilder-demo-secret', to: '/portal' };
    const bare = await post('/portal/login', fields);
    expect(bare.status).toBe(403);
    expect(bare.headers.getSetCookie().join()).not.toContain('waybill-session');
  });

  test.each([
    'https://evil.example/',
    '//evil.example/portal',
    '/\\evil.example',
    'javascript:alert(1)',
    '/exports',
    '/portalx',
  ])('of the log-in page does not lead to %s', async (to) => {
    const { page, logIn } = await openVisitor(browser, portal.url);
    await page.goto(`/portal/login?to=${encodeURIComponent(to)}`);
    await logIn();
    expect(page.url()).toBe(`${portal.url}/portal/requests`);
  });
});

test('two tenants see and reach only their own', async () => {
  const one = await openVisitor(browser, portal.url);
  const two = await openVisitor(browser, portal.url);
  await one.logIn('dreambuilder');
  await two.logIn('acme');
  await one.page.goto('/portal/on-demand');
  await one.page.getByLabel('Dataset').selectOption({ label: 'Networks' });
  await one.page.getByRole('button', { name: 'Order export' }).click();
  await one.page.locator('#exports .state--available').first().waitFor();
  const address = (await one.page.locator('#exports a').first().getAttribute('href')) ?? '';
  const file =
    (await one.page
      .getByRole('link', { name: /^Download/ })
      .first()
      .getAttribute('href')) ?? '';
  for (const path of [address, `${address}/delete`, `${address}/events`, file, file.replace('/file', '/manifest')]) {
    const answer = await two.page.request.get(path);
    expect(answer.status(), path).toBe(404);
    expect(await answer.text()).not.toContain('Networks');
  }
  await two.page.goto(address);
  await two.page.getByText('There is nothing here').waitFor();
  await checkPage(two.page, 'not-found');
  await two.page.goto('/portal/on-demand');
  expect(await two.page.locator('#exports tr').count()).toBe(0);
  expect([...one.problems, ...two.problems]).toEqual([]);
});

test('a credential that may only read sees no control that writes, and may use none', async () => {
  const { page, context, logIn, problems } = await openVisitor(browser, portal.url);
  await logIn('dreambuilder-readonly');
  await page.goto('/portal/on-demand');
  await page.getByText('You may look and download').waitFor();
  expect(await page.getByRole('button', { name: /order|cancel|delete/i }).count()).toBe(0);
  await checkPage(page, 'on-demand-read-only');
  const csrf = await page.locator('input[name=csrf]').first().inputValue();
  const cookie = (await context.cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
  expect(
    (await post('/portal/on-demand', { csrf, do: 'order', dataset: 'USERS', format: 'csv' }, { cookie })).status,
  ).toBe(403);
  expect(problems).toEqual([]);
});

test('pages are not kept, and run nothing but their own files', async () => {
  const { page, logIn } = await openVisitor(browser, portal.url);
  await logIn();
  const answer = await page.request.get('/portal/on-demand');
  expect(answer.headers()).toMatchObject({
    'cache-control': 'no-store',
    'referrer-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
  });
  const policy = answer.headers()['content-security-policy'] ?? '';
  expect(policy).toContain("script-src 'self'");
  expect(policy).not.toContain('unsafe');
  const text = await answer.text();
  expect(text).not.toMatch(/ style="| on[a-z]+="|<style|<script>/);
  const sheet = /href="(\/portal\/assets\/[0-9a-f]+\/waybill\.css)"/.exec(text)?.[1] ?? '';
  expect((await page.request.get(sheet)).headers()['cache-control']).toContain('immutable');
  const other = await page.request.get(sheet.replace(/[0-9a-f]{12}/, '000000000000'));
  expect(other.headers()['cache-control']).toBe('no-store');
});

test('no token and no secret is in the log', async () => {
  expect(portal.lines.filter((line) => /demo-secret|of secrets|waybill-session=|csrf=/.test(line))).toEqual([]);
});
