import type { Context } from 'hono';
import { html } from 'hono/html';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { brand, icon, SPRITE } from '../components/icon.ts';
import { PORTAL_PATH, type PortalContext, type PortalEnv } from '../environment.ts';
import type { Assets } from './assets.ts';
import { attribute, type Content, type Markup } from './markup.ts';

export interface Page {
  /** Before "– Waybill". One that reports errors of a form begins with "Error: ". */
  readonly title: string;
  /** Path of the tab that it belongs to; absent: none. */
  readonly tab?: string;
  readonly content: Content;
  /** @default 200 */
  readonly status?: ContentfulStatusCode;
  /** Address of its stream of changes. */
  readonly live?: string;
  /** Scripts beside the one of every page, by file name. */
  readonly scripts?: readonly string[];
  /** Addresses of scripts that were bundled. */
  readonly modules?: readonly string[];
}

/** What stands around the content of a page. */
export interface Shell {
  /** A page for somebody who has logged in. */
  page(c: PortalContext, page: Page): Response | Promise<Response>;
  /** A page for anybody, without tabs. */
  gate(c: Context<PortalEnv>, page: Pick<Page, 'title' | 'content' | 'status'>): Response | Promise<Response>;
  /** The content of `main` and the title, to be sent live. */
  main(page: Page): Markup;
}

/** @param tabs those that this deployment has */
export function createShell(assets: Assets, tabs: readonly { readonly path: string; readonly name: string }[]): Shell {
  const sheet = assets.address('waybill.css');
  const mark = assets.address('mark.svg');

  function head(title: string, scripts: readonly string[], modules: readonly string[] = []): Markup {
    return html`<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} – Waybill</title>
<link rel="stylesheet" href="${sheet}">
<link rel="icon" type="image/svg+xml" href="${mark}">
${[...scripts.map((name) => assets.address(name)), ...modules].map((address) => html`<script type="module" src="${address}"></script>\n`)}</head>`;
  }

  function header(c: PortalContext, tab: string | undefined): Markup {
    const { tenant, actor } = c.get('caller');
    const current = tabs.find(({ path }) => path === tab);
    return html`<header class="top"><div class="top__row">
<a class="brand" aria-label="Waybill" href="${PORTAL_PATH}">${brand(24)}</a>
<button class="btn menu" type="button" popovertarget="tabs">${icon('menu')}<span class="vh">Menu: </span>${current?.name ?? 'Pages'}</button>
<nav class="tabs" id="tabs" popover aria-label="Main">
${tabs.map(({ path, name }) => html`<a href="${PORTAL_PATH}${path}"${path === tab ? html` aria-current="page"` : ''}>${name}</a>\n`)}</nav>
<div class="account"><span><strong>${tenant.title}</strong>${actor.replace(/^token:/, '')}</span>
<form method="post" action="${PORTAL_PATH}/logout"><input type="hidden" name="csrf" value="${c.get('csrf')}"><button class="btn btn--small">Log out</button></form></div>
</div></header>`;
  }

  const footer = (zone: string) =>
    html`<footer class="foot"><div class="foot__row"><span>Times in ${zone}. <a href="${PORTAL_PATH}/time-zone">Change</a></span><span>Sizes in powers of 1,000</span><a href="/docs">API documents</a><span class="push">Waybill</span></div></footer>`;

  const main = ({ content, live, title }: Page) =>
    html`<main class="page" id="main" tabindex="-1"${attribute('data-live', live)} data-title="${title} – Waybill">
${content}
</main>`;

  return {
    page(c, page) {
      const { title, tab, status = 200, live, scripts = [], modules } = page;
      const files = ['page.js', ...(live === undefined ? [] : ['live.js']), ...scripts];
      return c.html(
        html`<!doctype html>
<html lang="en-GB">
${head(title, files, modules)}
<body>
${SPRITE}
<a class="skip" href="#main">Skip to content</a>
${header(c, tab)}
${main(page)}
<div class="vh" role="status" id="live"></div>
${footer(c.get('times').zone)}
</body>
</html>`,
        status,
      );
    },

    gate(c, { title, content, status = 200 }) {
      return c.html(
        html`<!doctype html>
<html lang="en-GB">
${head(title, ['page.js'])}
<body>
${SPRITE}
<main class="gate" id="main">
${content}
</main>
</body>
</html>`,
        status,
      );
    },

    main,
  };
}
