import { createHash } from 'node:crypto';
import { generateKeyPair } from 'jose';
import type { Browser, Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { checkPage, launchBrowser, openVisitor } from './browser.ts';
import { type OwnServices, openLedger, startOwnServices } from './context.ts';
import { type LooseIssuer, type StartedProvider, startLooseIssuer, startProvider } from './openid-provider.ts';

let provider: StartedProvider;
let loose: LooseIssuer;
let portal: OwnServices;
let browser: Browser;

beforeAll(async () => {
  provider = await startProvider();
  loose = await startLooseIssuer('waybill');
  const { issuer } = provider;
  const providers = [
    // Speaks for all tenants, and says who may write.
    {
      name: 'everyone',
      title: 'Northgate',
      issuer,
      clientId: 'everyone',
      clientSecret: 'everyone-secret',
      tenantClaim: 'org',
      writers: { claim: 'groups', values: ['exports'] },
    },
    // A tenant's own, which speaks for that tenant only, whatever it says.
    { name: 'acme', title: 'Acme Workspace', issuer, clientId: 'acme-public', tenant: 'acme' },
    {
      name: 'loose',
      title: 'Loose',
      issuer: loose.issuer,
      clientId: 'waybill',
      clientSecret: 'a secret',
      tenant: 'acme',
    },
    { name: 'away', title: 'Away', issuer: 'http://localhost:9', clientId: 'waybill', tenant: 'acme' },
  ];
  [portal, browser] = await Promise.all([
    startOwnServices({ WAYBILL_OPENID_PROVIDERS: JSON.stringify(providers) }),
    launchBrowser(),
  ]);
  const callback = (name: string) => `${portal.url}/portal/login/with/${name}/callback`;
  provider.serve(
    { everyone: callback('everyone'), 'acme-public': callback('acme') },
    {
      alice: { org: 'dreambuilder', groups: ['staff', 'exports'] },
      bob: { org: 'dreambuilder', groups: ['staff'] },
      carol: { org: 'nobody-here', groups: ['exports'] },
    },
  );
});

/** What a person does on the pages of the provider. */
async function logInAtProvider(page: Page, name: string): Promise<void> {
  await page.getByPlaceholder('Enter any login').fill(name);
  await page.getByPlaceholder('and password').fill('anything');
  await page.getByRole('button', { name: 'Sign-in' }).click();
  await page.getByRole('button', { name: 'Continue' }).click();
}

async function loggedIn(tenant: string) {
  const ledger = openLedger(portal.settings);
  const [entry] = await ledger.audit.list(tenant, 1);
  return entry;
}

describe('somebody who logs in with a provider', () => {
  test('gets to the page that was asked for, may do what the provider says, and is in the audit trail', async () => {
    const { page, context } = await openVisitor(browser, portal.url);
    await page.goto('/portal/time-zone');
    await checkPage(page, 'login-providers');
    await page.getByRole('link', { name: 'Continue with Northgate' }).click();
    await logInAtProvider(page, 'alice');
    await page.waitForURL(`${portal.url}/portal/time-zone`);
    expect(await loggedIn('dreambuilder')).toMatchObject({
      actor: 'everyone:alice',
      action: 'portal.logged_in',
      detail: { provider: 'everyone' },
    });
    expect((await context.cookies(portal.url)).map(({ name }) => name)).not.toContain('waybill-oidc');
    await page.goto('/portal/on-demand');
    await page.getByRole('button', { name: 'Order export' }).waitFor();
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByText('You are logged out').waitFor();
  });

  test('and is in none of its writers may look only', async () => {
    const { page } = await openVisitor(browser, portal.url, { javaScript: false });
    await page.goto('/portal');
    await page.getByRole('link', { name: 'Continue with Northgate' }).click();
    await logInAtProvider(page, 'bob');
    await page.getByText('You may look and download').waitFor();
    expect(await page.getByRole('button', { name: 'Order export' }).count()).toBe(0);
  });

  test('of one tenant is of that tenant, whatever the claims say', async () => {
    const { page } = await openVisitor(browser, portal.url);
    await page.goto('/portal');
    await page.getByRole('link', { name: 'Continue with Acme Workspace' }).click();
    await logInAtProvider(page, 'alice');
    await page.getByText('You may look and download').waitFor();
    expect(await loggedIn('acme')).toMatchObject({ actor: 'acme:alice', action: 'portal.logged_in' });
  });

  test('and has no tenant here is told so', async () => {
    const { page } = await openVisitor(browser, portal.url);
    await page.goto('/portal');
    await page.getByRole('link', { name: 'Continue with Northgate' }).click();
    await logInAtProvider(page, 'carol');
    await page.getByText('Your account has no exports here').waitFor();
    await checkPage(page, 'login-no-tenant');
  });

  test('and cancels there can choose another way', async () => {
    const { page } = await openVisitor(browser, portal.url);
    await page.goto('/portal/time-zone');
    await page.getByRole('link', { name: 'Continue with Northgate' }).click();
    await page.getByRole('link', { name: /cancel/i }).click();
    await page.getByText('Northgate did not log you in').waitFor();
    await page.getByLabel('Client id').fill('acme');
    await page.getByLabel('Secret').fill('acme-demo-secret');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.waitForURL(`${portal.url}/portal/time-zone`);
  });

  test('is out as soon as the tenant is disabled', async () => {
    const ledger = openLedger(portal.settings);
    const { page } = await openVisitor(browser, portal.url);
    await page.goto('/portal');
    await page.getByRole('link', { name: 'Continue with Northgate' }).click();
    await logInAtProvider(page, 'bob');
    await page.getByText('You may look and download').waitFor();
    await ledger.tenants.disable('dreambuilder');
    await page.reload();
    await ledger.tenants.enable('dreambuilder');
    await page.getByText('Your credential was changed or switched off').waitFor();
  });
});

/** Begins a log-in as a browser would. @returns what it sends back, and the cookie that it keeps */
async function begin(name: string, to = '/portal/time-zone') {
  const answer = await fetch(`${portal.url}/portal/login/with/${name}?${new URLSearchParams({ to })}`, {
    redirect: 'manual',
  });
  const query = new URL(answer.headers.get('location') ?? 'http://none.invalid').searchParams;
  const cookie = answer.headers.getSetCookie().map((text) => text.split(';')[0]);
  return { answer, query, cookie: cookie.join('; ') };
}

async function callBack(name: string, query: Readonly<Record<string, string>>, cookie: string) {
  const answer = await fetch(`${portal.url}/portal/login/with/${name}/callback?${new URLSearchParams(query)}`, {
    headers: { cookie },
    redirect: 'manual',
  });
  const session = answer.headers.getSetCookie().find((text) => /^waybill-session=[^;]/.test(text));
  return { status: answer.status, location: answer.headers.get('location'), session, text: await answer.text() };
}

describe('the answer of a provider', () => {
  test('that holds logs in, and its code was redeemed with the verifier of the challenge', async () => {
    const { query, cookie, answer } = await begin('loose');
    expect(answer.status).toBe(303);
    expect(answer.headers.getSetCookie().join()).toMatch(
      /waybill-oidc=[^;]+; Max-Age=600; Path=\/portal; HttpOnly; SameSite=Lax/,
    );
    loose.next(query.get('nonce') ?? '', {});
    const state = query.get('state') ?? '';
    const done = await callBack('loose', { code: 'c', state, iss: loose.issuer }, cookie);
    expect([done.status, done.location]).toEqual([303, '/portal/time-zone']);
    expect(done.session).toBeDefined();
    const sent = loose.asked.at(-1);
    const challenge = createHash('sha256')
      .update(sent?.get('code_verifier') ?? '')
      .digest('base64url');
    expect([query.get('code_challenge_method'), query.get('code_challenge')]).toEqual(['S256', challenge]);
    expect(sent?.get('redirect_uri')).toBe(`${portal.url}/portal/login/with/loose/callback`);
    // The state is of no use without the cookie, nor the cookie a second time.
    expect((await callBack('loose', { code: 'c', state, iss: loose.issuer }, '')).status).toBe(403);
  });

  const soon = () => Math.floor(Date.now() / 1000);
  test.each<[string, () => Parameters<LooseIssuer['next']>[1] | Promise<Parameters<LooseIssuer['next']>[1]>]>([
    ['is for another log-in', () => ({ claims: { nonce: 'another' } })],
    ['has no nonce', () => ({ claims: { nonce: undefined } })],
    ['is for another client', () => ({ claims: { aud: 'another' } })],
    ['is of another issuer', () => ({ claims: { iss: 'http://localhost:1' } })],
    ['has expired', () => ({ claims: { iat: soon() - 600, exp: soon() - 300 } })],
    ['never expires', () => ({ claims: { exp: undefined } })],
    ['names nobody', () => ({ claims: { sub: undefined } })],
    ['names somebody whose name is no text', () => ({ claims: { sub: 7 } })],
    ['has a name with a line break', () => ({ claims: { sub: 'a\nb' } })],
    ['is signed by another key', async () => ({ key: (await generateKeyPair('ES256')).privateKey })],
    ['is not signed', () => ({ alg: 'none' })],
    ['is signed with the secret of the client', () => ({ alg: 'HS256', key: Buffer.from('a secret'.padEnd(32)) })],
    ['refuses the code', () => ({ instead: 'invalid_grant' })],
  ])('that %s logs nobody in', async (_how, answer) => {
    const { query, cookie } = await begin('loose');
    loose.next(query.get('nonce') ?? '', await answer());
    const done = await callBack('loose', { code: 'c', state: query.get('state') ?? '', iss: loose.issuer }, cookie);
    expect([done.status, done.session]).toEqual([403, undefined]);
    expect(done.text).toContain('You were not logged in with Loose');
  });

  test.each<[string, (query: Record<string, string>) => Record<string, string>]>([
    ['has the state of another browser', (query) => ({ ...query, state: 'another' })],
    ['has no state', ({ code = '', iss = '' }) => ({ code, iss })],
    ['comes from another issuer', (query) => ({ ...query, iss: 'http://localhost:1' })],
    ['has no code', ({ state = '', iss = '' }) => ({ state, iss })],
  ])('that %s is not taken to the provider', async (_how, change) => {
    const { query, cookie } = await begin('loose');
    loose.next(query.get('nonce') ?? '', {});
    const asked = loose.asked.length;
    const given = change({ code: 'c', state: query.get('state') ?? '', iss: loose.issuer });
    const done = await callBack('loose', given, cookie);
    expect([done.status, done.session, loose.asked.length]).toEqual([403, undefined, asked]);
  });

  test('to one provider is not taken by another', async () => {
    const { query, cookie } = await begin('everyone');
    const done = await callBack('loose', { code: 'c', state: query.get('state') ?? '', iss: loose.issuer }, cookie);
    expect([done.status, done.session]).toEqual([403, undefined]);
    expect(done.text).toContain('The log-in took too long');
  });

  test.each(['server_error', 'a page', 'cut', 'nothing'] as const)(
    'that is %s is an outage, and the next one is read',
    async (instead) => {
      const { query, cookie } = await begin('loose');
      loose.next(query.get('nonce') ?? '', { instead });
      const callback = { code: 'c', state: query.get('state') ?? '', iss: loose.issuer };
      const done = await callBack('loose', callback, cookie);
      expect([done.status, done.session]).toEqual([503, undefined]);
      expect(done.text).toContain('Loose does not answer');
      const again = await begin('loose');
      loose.next(again.query.get('nonce') ?? '', {});
      const state = again.query.get('state') ?? '';
      expect((await callBack('loose', { ...callback, state }, again.cookie)).status).toBe(303);
    },
  );

  test('that is away is told on the log-in page, where other ways remain', async () => {
    const { page } = await openVisitor(browser, portal.url);
    await page.goto('/portal/time-zone');
    await page.getByRole('link', { name: 'Continue with Away' }).click();
    await page.getByText('Away does not answer').waitFor();
    await checkPage(page, 'login-away');
    await page.getByRole('link', { name: 'Continue with Northgate' }).click();
    await logInAtProvider(page, 'bob');
    await page.waitForURL(`${portal.url}/portal/time-zone`);
  });
});

test('a provider that does not answer keeps nobody from logging in otherwise', async () => {
  const { query, cookie } = await begin('loose');
  loose.next(query.get('nonce') ?? '', { instead: 'nothing' });
  const asked = loose.asked.length;
  const callback = { code: 'c', state: query.get('state') ?? '', iss: loose.issuer };
  // As many as one process checks at once.
  const waiting = Array.from({ length: 64 }, () => callBack('loose', callback, cookie));
  await expect.poll(() => loose.asked.length).toBe(asked + 64);
  const { page, logIn } = await openVisitor(browser, portal.url);
  await logIn('acme');
  await page.getByRole('button', { name: 'Log out' }).waitFor();
  expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual(waiting.map(() => 503));
});

test('a log-in leads to pages of the portal only', async () => {
  const { query, cookie } = await begin('loose', 'https://evil.example/');
  loose.next(query.get('nonce') ?? '', {});
  const done = await callBack('loose', { code: 'c', state: query.get('state') ?? '', iss: loose.issuer }, cookie);
  expect([done.status, done.location]).toEqual([303, '/portal']);
  expect((await fetch(`${portal.url}/portal/login/with/nobody`, { redirect: 'manual' })).status).toBe(404);
});
