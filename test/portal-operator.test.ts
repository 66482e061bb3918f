import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { Browser, Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Ledger } from '../stores/ledger/ports.ts';
import { checkPage, launchBrowser, openVisitor, type VisitOptions } from './browser.ts';
import { waybill } from './cli-run.ts';
import { basic, type OwnServices, openLedger, startOwnServices } from './context.ts';

const SECRET = 'operator-demo-secret';
let portal: OwnServices;
let browser: Browser;
let ledger: Ledger;

beforeAll(async () => {
  [portal, browser] = await Promise.all([
    // A batch that begins far off, so that requests wait.
    startOwnServices({ WAYBILL_REQUESTS_SCHEDULE: '0 0 1 1 *', WAYBILL_LOGIN_FAILURES_MAX: '30' }),
    launchBrowser(),
  ]);
  ledger = openLedger(portal.settings);
});

async function open(options: VisitOptions = {}) {
  const visitor = await openVisitor(browser, portal.url, options);
  return {
    ...visitor,
    async logIn(secret = SECRET) {
      if (!visitor.page.url().includes('/operator/login')) await visitor.page.goto('/operator');
      await visitor.page.getByLabel('Operator’s secret').fill(secret);
      await visitor.page.getByRole('button', { name: 'Log in' }).click();
    },
  };
}

async function sql(text: string, values: readonly unknown[] = []): Promise<void> {
  const client = new pg.Client({ connectionString: portal.settings.WAYBILL_LEDGER_URL });
  await client.connect();
  await client.query(text, [...values]);
  await client.end();
}

const panelOf = (page: Page, name: string) => page.getByRole('region', { name, exact: true });

test('an empty deployment', async () => {
  const { page, problems, logIn } = await open();
  await page.goto('/operator');
  await checkPage(page, 'operator-login');
  await logIn();
  await page.getByText('Nothing runs').waitFor();
  await page.getByText('No run failed').waitFor();
  await checkPage(page, 'operator-empty');
  expect(problems).toEqual([]);
});

test('shows what runs, failed, is late and is stored, and links to Temporal', async () => {
  const answer = await fetch(`${portal.url}/exports`, {
    method: 'POST',
    headers: { authorization: basic('acme'), 'content-type': 'application/json' },
    body: JSON.stringify({
      exportType: 'USERS',
      format: 'CSV',
      startDate: '2000-01-01T00:00:00Z',
      endDate: '2030-01-01T00:00:00Z',
    }),
  });
  expect(answer.status).toBe(202);
  await expect
    .poll(
      async () => (await ledger.runs.list('acme', { kind: 'on-demand' }, { cursor: null, limit: 1 })).rows[0]?.state,
    )
    .toBe('completed');
  const now = new Date();
  // One that runs, without a workflow, and two that failed.
  for (const [state, code] of [
    ['running', null],
    ['failed', 'warehouse_unavailable'],
    ['failed', 'warehouse_unavailable'],
    ['failed', 'source_changed'],
  ] as const) {
    const runId = randomUUID();
    const order = (await ledger.runs.list('acme', { kind: 'on-demand' }, { cursor: null, limit: 1 })).rows[0]?.order;
    if (!order || 'realm' in order) throw new Error('no order');
    await ledger.runs.request({ runId, workflowId: `w-${runId}`, order: order as never, requestedAt: now });
    await ledger.runs.begin({ runId, workflowId: `w-${runId}`, order: order as never, requestedAt: now });
    if (code) await ledger.runs.end(runId, { state, failure: { code, message: `It was ${code}.` } });
    else await ledger.runs.end(randomUUID(), { state: 'failed', failure: { code: 'internal', message: 'none' } });
  }
  // A periodic export that should have run every night, and never has.
  const ref = { tenant: 'dreambuilder', kind: 'periodic', recipient: 'age1x', ownRecipient: true } as const;
  await ledger.standingOrders.put({ ...ref, recurrence: { at: '01:30', timeZone: 'UTC' }, actor: 'test' });
  await sql("update standing_orders set changed_at = now() - interval '3 days'");

  const { page, problems, logIn } = await open();
  await logIn();
  await page.getByRole('heading', { name: 'dreambuilder, Periodic, is behind schedule' }).waitFor();
  const running = panelOf(page, 'Running now').locator('tbody tr');
  expect(await running.count()).toBe(1);
  expect(await running.locator('th').textContent()).toBe('acme');
  expect(await running.getByRole('link', { name: /^Temporal/ }).getAttribute('href')).toMatch(
    /^http:\/\/127\.0\.0\.1:\d+\/namespaces\/test-[0-9a-f-]+\/workflows\/w-[0-9a-f-]+\/[0-9a-f-]+$/,
  );
  const causes = panelOf(page, 'Failures by cause').locator('tbody tr');
  expect(await causes.locator('code').allTextContents()).toEqual(['warehouse_unavailable', 'source_changed']);
  expect(await causes.locator('.meter > span').allTextContents()).toEqual(['2', '1']);
  const stored = panelOf(page, 'Storage by tenant').locator('tbody tr').first();
  expect(await stored.textContent()).toMatch(/^acme.*100\s%/);
  const acme = panelOf(page, 'Tenants').locator('tbody tr', { hasText: 'acme' });
  expect((await acme.locator('td').allTextContents()).slice(0, 3)).toEqual(['On demand', '4', '3']);
  await checkPage(page, 'operator');

  await causes.first().getByRole('link').click();
  expect(await page.locator('tbody tr').count()).toBe(2);
  await page.getByText('It was warehouse_unavailable.').first().waitFor();
  await checkPage(page, 'operator-failures');
  await page.getByRole('link', { name: 'Tenants' }).click();
  expect(await page.locator('tbody tr').count()).toBe(2);
  await checkPage(page, 'operator-tenants');

  // Live: it ends, and the page says so. Nothing runs under its name, so it ends at once.
  await page.goto('/operator');
  await panelOf(page, 'Running now')
    .getByRole('button', { name: /^Cancel/ })
    .click();
  await page.getByText('Nothing runs').waitFor();
  expect((await ledger.audit.list('acme', 10)).map(({ action, actor }) => `${action} ${actor}`)).toContain(
    'export.cancelled operator',
  );
  await page.getByText('Live', { exact: true }).waitFor();
  const runId = randomUUID();
  const [last] = (await ledger.runs.list('acme', { kind: 'on-demand' }, { cursor: null, limit: 1 })).rows;
  await ledger.runs.begin({ runId, workflowId: `w-${runId}`, order: last?.order as never, requestedAt: new Date() });
  await panelOf(page, 'Running now').locator('tbody tr').waitFor();
  await ledger.runs.end(runId, { state: 'failed', failure: { code: 'internal', message: 'none' } });
  await page.getByText('Nothing runs').waitFor();
  expect(problems).toEqual([]);
});

test('lets waiting requests begin, without a script', async () => {
  const submitted = await fetch(`${portal.url}/rest/v1/warehouse/export/request`, {
    method: 'POST',
    headers: { authorization: basic('dreambuilder'), 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ realm: 'Cloud', start_date: '2016-01-01', end_date: '2016-12-31', format: 'CSV' }),
  });
  expect(submitted.status).toBe(200);
  const { page, problems, logIn } = await open({ javaScript: false });
  await logIn();
  await expect.poll(async () => (await page.reload()) && page.locator('.slip').textContent()).toContain('1 more wait');
  await page.getByRole('button', { name: 'Run the batch now' }).click();
  await expect
    .poll(async () => (await ledger.requests.list('dreambuilder', { before: null, limit: 1 }))[0]?.state)
    .toBe('completed');
  expect(problems).toEqual([]);
});

describe('access', () => {
  test('another secret, no token and a session of a tenant open nothing; what happens is in the trail', async () => {
    const { page, context, problems, logIn } = await open();
    await logIn('not the secret');
    await page.getByRole('alert').waitFor();
    expect(await page.title()).toBe('Error: Operator log-in – Waybill');
    await checkPage(page, 'operator-login-error');
    await page.goto('/portal');
    await page.getByLabel('Client id').fill('acme');
    await page.getByLabel('Secret').fill('acme-demo-secret');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.waitForURL(/requests/);
    await page.goto('/operator/tenants');
    expect(page.url()).toContain('/operator/login?to=%2Foperator%2Ftenants');
    await logIn();
    expect(new URL(page.url()).pathname).toBe('/operator/tenants');
    const cookies = await context.cookies(`${portal.url}/operator`);
    const session = cookies.find(({ name }) => name === 'waybill-operator-session');
    expect(session).toMatchObject({ httpOnly: true, sameSite: 'Lax', path: '/operator' });

    // Its cookie is none of the portal's, and its forms need its token.
    const post = (path: string, csrf: string) =>
      fetch(`${portal.url}${path}`, {
        method: 'POST',
        redirect: 'manual',
        headers: {
          cookie: `waybill-operator-session=${session?.value}`,
          'content-type': 'application/x-www-form-urlencoded',
        },
        body: new URLSearchParams({ csrf }),
      });
    expect((await post('/operator/batch', 'x')).status).toBe(403);
    expect((await post('/operator/login', 'x')).status).toBe(403);
    const csrf = await page.locator('input[name=csrf]').first().inputValue();
    expect((await post(`/operator/runs/${randomUUID()}/cancel`, csrf)).status).toBe(404);
    const asTenant = await fetch(`${portal.url}/portal/audit`, {
      redirect: 'manual',
      headers: { cookie: `waybill-session=${session?.value}` },
    });
    expect(asTenant.status).toBe(303);
    for (const to of ['//evil.example', '/portal', 'https://evil.example/operator']) {
      const gone = await page.request.get(`/operator/login?to=${encodeURIComponent(to)}`, { maxRedirects: 0 });
      expect(gone.headers().location).toBe('/operator');
    }
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByText('You are logged out').waitFor();
    await context.addCookies([
      { name: 'waybill-operator-session', value: session?.value ?? '', url: `${portal.url}/operator` },
    ]);
    await page.goto('/operator');
    expect(page.url()).toContain('/operator/login');
    const trail = (await ledger.audit.list(null, 30)).map(({ action, detail }) =>
      `${action} ${detail.kind ?? ''}`.trim(),
    );
    for (const line of ['login.failed operator', 'operator.logged_in', 'operator.logged_out'])
      expect(trail).toContain(line);
    expect(problems).toEqual([]);
  });

  test('ends when the secret is changed, or after 30 minutes without use', async () => {
    const { page, logIn } = await open();
    await logIn();
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    await sql("update operator_sessions set used_at = used_at - interval '31 minutes'");
    await page.goto('/operator/failures');
    await page.getByText('You were logged out after 30 min').waitFor();
    await logIn();
    await page.getByRole('heading', { name: 'Failures' }).waitFor();
    await sql('update operator_sessions set generation = decode(repeat($1, 32), $2)', ['00', 'hex']);
    await page.reload();
    await page.getByText('Your credential was changed or switched off').waitFor();
  });

  test('is limited: too many wrong secrets are not even read', async () => {
    const { page, logIn } = await open();
    await page.goto('/operator/login');
    const csrf = await page.locator('input[name=csrf]').first().inputValue();
    const guess = (place: number) =>
      page.request.post('/operator/login', { form: { csrf, to: '/operator', secret: `guess ${place}` } });
    // The window may have begun with a wrong secret of an earlier test: guess on until enough of one is left.
    const statuses = new Set<number>();
    let waitSeconds = 0;
    while (waitSeconds < 30) {
      const answers = await Promise.all(Array.from({ length: 40 }, (_, place) => guess(place)));
      for (const answer of answers) statuses.add(answer.status());
      waitSeconds = Math.max(0, ...answers.map((answer) => Number(answer.headers()['retry-after'] ?? 0)));
    }
    expect(statuses).toEqual(new Set([403, 429]));
    await logIn();
    await page.getByText('Too many log-ins failed').waitFor();
    expect(portal.lines.filter((line) => /guess \d|demo-secret/.test(line))).toEqual([]);
  });

  test('there is no such page unless the deployment has a secret for it', async () => {
    const without = await startOwnServices({ WAYBILL_OPERATOR_SECRET_HASH: '' });
    for (const path of ['/operator', '/operator/login', '/operator/events']) {
      expect((await fetch(`${without.url}${path}`)).status).toBe(404);
    }
    await without.stop();
  });

  test('the command line makes secrets whose hash the service takes, and nothing else does', async () => {
    const { code, output } = await waybill(['operator-secret', '--json'], {});
    expect(code).toBe(0);
    const { secret, hash } = JSON.parse(output) as { secret: string; hash: string };
    expect(secret).toMatch(/^wbs_[\w-]{43}$/);
    expect(hash).not.toContain(secret);
    const own = await startOwnServices({ WAYBILL_OPERATOR_SECRET_HASH: hash });
    const visitor = await openVisitor(browser, own.url);
    await visitor.page.goto('/operator');
    await visitor.page.getByLabel('Operator’s secret').fill(secret);
    await visitor.page.getByRole('button', { name: 'Log in' }).click();
    await visitor.page.getByRole('heading', { name: 'Overview' }).waitFor();
    await own.stop();
  });
});
