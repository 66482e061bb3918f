import type { Context } from 'hono';
import { html } from 'hono/html';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { brand, icon, SPRITE } from '../components/icon.ts';
import type { PortalContext, PortalEnv } from '../environment.ts';
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

/** Pages that belong together: those of tenants, or the operator's. */
export interface Area {
  /** Where they are, for example `/portal`. */
  readonly path: string;
  /** Name of their navigation, for screen readers. */
  readonly nav: string;
  /** Whose pages they are, and who has logged in. */
  readonly account: (c: PortalContext) => { readonly title: string; readonly name: string };
  /** Whether whoever has logged in may open the tab. */
  readonly mayOpen: (c: PortalContext, path: string) => boolean;
  /** Whether readers may choose the time zone. */
  readonly hasTimeZone: boolean;
}

/** What stands around the content of a page. */
export interface Shell {
  /** Address of the first page. */
  readonly start: string;
  /** A page for somebody who has logged in. */
  page(c: PortalContext, page: Page): Response | Promise<Response>;
  /** A page for anybody, without tabs. */
  gate(c: Context<PortalEnv>, page: Pick<Page, 'title' | 'content' | 'status'>): Response | Promise<Response>;
  /** The content of `main` and the title, to be sent live. */
  main(page: Page): Markup;
}

/** @param tabs those that this deployment has */
export function createShell(
  assets: Assets,
  tabs: readonly { readonly path: string; readonly name: string }[],
  area: Area,
): Shell {
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
    const { title, name: who } = area.account(c);
    const current = tabs.find(({ path }) => path === tab);
    return html`<header class="top"><div class="top__row">
<a class="brand" aria-label="Waybill" href="${area.path}">${brand(24)}</a>
<button class="btn menu" type="button" popovertarget="tabs">${icon('menu')}<span class="vh">Menu: </span>${current?.name ?? 'Pages'}</button>
<nav class="tabs" id="tabs" popover aria-label="${area.nav}">
${tabs.filter(({ path }) => area.mayOpen(c, path)).map(({ path, name }) => html`<a href="${area.path}${path}"${path === tab ? html` aria-current="page"` : ''}>${name}</a>\n`)}</nav>
<div class="account"><span><strong>${title}</strong>${who}</span>
<form method="post" action="${area.path}/logout"><input type="hidden" name="csrf" value="${c.get('csrf')}"><button class="btn btn--small">Log out</button></form></div>
</div></header>`;
  }

  const footer = (zone: string) =>
    html`<footer class="foot"><div class="foot__row"><span>Times in ${zone}.${area.hasTimeZone ? html` <a href="${area.path}/time-zone">Change</a>` : ''}</span><span>Sizes in powers of 1,000</span><a href="/docs">API documents</a><span class="push">Waybill</span></div></footer>`;

  const main = ({ content, live, title }: Page) =>
    html`<main class="page" id="main" tabindex="-1"${attribute('data-live', live)} data-title="${title} – Waybill">
${content}
</main>`;

  return {
    start: area.path,

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
