import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import axe from 'axe-core';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';
import { closeAtEnd } from './cleanup.ts';

/** The Debian package, which `.ci/clients` installs. */
const EXECUTABLE = '/usr/bin/chromium';

/** Milliseconds that a step in the browser may take, on a busy machine. */
const STEP_MS = 60_000;

/** Starts Chromium. It is closed at the end. */
export async function launchBrowser(): Promise<Browser> {
  // Without its sandbox, because tests may run as root.
  const browser = await chromium.launch({ executablePath: EXECUTABLE, args: ['--no-sandbox', '--lang=en-GB'] });
  closeAtEnd(() => browser.close());
  return browser;
}

export interface VisitOptions {
  readonly javaScript?: boolean;
  readonly colorScheme?: 'light' | 'dark';
  readonly width?: number;
}

/** A browser with cookies of its own, and what went wrong in its pages. */
export interface Visitor {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Errors of scripts and of the console, such as violations of the policy; addresses that were requested elsewhere. */
  readonly problems: readonly string[];
  /** Logs in as this credential. @returns once the page after the log-in is there */
  logIn(clientId?: string, secret?: string): Promise<void>;
}

/** Opens a browser context without cookies. It is closed at the end. @param url base URL of the API */
export async function openVisitor(
  browser: Browser,
  url: string,
  { javaScript = true, colorScheme = 'light', width = 1440 }: VisitOptions = {},
): Promise<Visitor> {
  const context = await browser.newContext({
    baseURL: url,
    locale: 'en-GB',
    javaScriptEnabled: javaScript,
    colorScheme,
    viewport: { width, height: 900 },
    acceptDownloads: true,
  });
  closeAtEnd(() => context.close());
  context.setDefaultTimeout(STEP_MS);
  const page = await context.newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => {
    // A status of 4xx is expected where a test asks for it, and is asserted there.
    if (message.type() !== 'error' || /^Failed to load resource: the server responded/.test(message.text())) return;
    problems.push(message.text());
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(url)) problems.push(`requested ${request.url()}`);
  });
  return {
    page,
    context,
    problems,
    async logIn(clientId = 'dreambuilder', secret = `${clientId}-demo-secret`) {
      if (new URL(page.url(), url).pathname !== '/portal/login') await page.goto('/portal');
      await page.getByLabel('Client id').fill(clientId);
      await page.getByLabel('Secret').fill(secret);
      await page.getByRole('button', { name: 'Log in' }).click();
      await page.waitForURL((address) => address.pathname !== '/portal/login');
    },
  };
}

const AXE = {
  runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
  resultTypes: ['violations'],
};

/** Each colour scheme and each width once: colours do not depend on the width. */
const LOOKS = [
  { colorScheme: 'light', width: 1440 },
  { colorScheme: 'dark', width: 390 },
] as const;

/**
 * Checks the page that is shown, light on a desk and dark on a phone: axe-core finds nothing, and nothing is wider than the
 * window. With `WAYBILL_SCREENSHOTS`, a directory, it also takes pictures.
 *
 * @param name of the pictures, for example `on-demand-empty`
 */
export async function checkPage(page: Page, name: string): Promise<void> {
  const before = page.viewportSize();
  for (const { colorScheme, width } of LOOKS) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.setViewportSize({ width, height: 900 });
    await page.evaluate(axe.source);
    const found = await page.evaluate(`axe.run(document, ${JSON.stringify(AXE)})`);
    const { violations } = found as {
      violations: { id: string; nodes: { html: string; failureSummary: string }[] }[];
    };
    const told = violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`);
    expect(told, `${name}, ${colorScheme}, ${width} px`).toEqual([]);
    const wide = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
    expect(wide, `${name} is wider than ${width} px`).toBeLessThanOrEqual(0);
    await takePicture(page, `${name}-${colorScheme}-${width}`);
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
  if (before) await page.setViewportSize(before);
}

async function takePicture(page: Page, name: string): Promise<void> {
  const directory = process.env.WAYBILL_SCREENSHOTS;
  if (!directory) return;
  await mkdir(directory, { recursive: true });
  await page.screenshot({ path: join(directory, `${name}.png`), fullPage: true });
}
