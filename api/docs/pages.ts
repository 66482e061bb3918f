import type { Context } from 'hono';
import { html } from 'hono/html';
import { FAILURES, type FailureCode, type FailureKind, isFailureCode, WaybillError } from '../../contracts/failures.ts';
import type { ApiDeps, ApiEnv } from '../deps.ts';
import type { ApiApp } from '../openapi.ts';

type Markup = ReturnType<typeof html>;

/** Pages load only resources from this server. Swagger UI's style sheet embeds images as data URLs. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const HEADER = html`<header><a href="/">Waybill</a><nav><a href="/docs">API</a><a href="/problems">Problems</a></nav></header>`;

function layout(title: string, body: Markup): Markup {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title} · Waybill</title>
<link rel="stylesheet" href="/style.css">
</head>
<body>
${HEADER}
<main class="page">${body}</main>
</body>
</html>`;
}

/** @param publicUrl without a trailing slash */
function landingPage(publicUrl: string): Markup {
  return layout(
    'Data exports',
    html`<h1>Take your data out.</h1>
<p class="lead">Waybill exports your data on demand: CSV, JSONL, Excel, Parquet, SPSS or Stata, compressed, sealed to your own key, with a waybill that
lists exactly what it contains.</p>
<ul class="cards">
<li><a href="/docs"><strong>API documentation</strong><span>Every call, to try in the browser</span></a></li>
<li><a href="/openapi.json"><strong>OpenAPI document</strong><span>For code generators and tests</span></a></li>
<li><a href="/problems"><strong>Problems</strong><span>What each error code means and how to fix it</span></a></li>
<li><a href="/readyz"><strong>Health</strong><span>Shows whether all servers answer</span></a></li>
</ul>
<h2>From a command line</h2>
<pre tabindex="0"><code>curl -i -u '<i>client id</i>:<i>secret</i>' ${publicUrl}/exports \\
  -H 'content-type: application/json' -d '{
    "exportType": "USERS", "format": "CSV",
    "startDate": "2000-01-01", "endDate": "2100-01-01"
  }'</code></pre>
<p>The response header <code>Location</code> is the URL of the export; append <code>/file</code> to download the file.</p>`,
  );
}

/** The roles keep it a table for screen readers on small screens, which lay it out as blocks. */
function problemsPage(): Markup {
  const kinds = Object.entries<FailureKind>(FAILURES);
  return layout(
    'Problems',
    html`<h1>Problems</h1>
<p>Every error response is <code>application/problem+json</code> with one of these codes.</p>
<table role="table"><thead><tr role="row"><th role="columnheader">Code</th><th role="columnheader">Status</th><th role="columnheader">What to do</th></tr></thead><tbody>
${kinds.map(
  ([code, { status, title, advice }]) =>
    html`<tr role="row"><td role="cell"><a href="/problems/${code}"><code>${code}</code></a></td><td role="cell">${status}</td><td role="cell"><strong>${title}.</strong> ${advice}</td></tr>`,
)}
</tbody></table>`,
  );
}

function problemPage(code: FailureCode): Markup {
  const { status, title, advice, retryable }: FailureKind = FAILURES[code];
  return layout(
    title,
    html`<p><a href="/problems">All problems</a></p>
<h1>${title}</h1>
<dl><dt>Code</dt><dd><code>${code}</code></dd><dt>HTTP status</dt><dd>${status}</dd>
<dt>What to do</dt><dd>${advice}</dd>
<dt>Trying again</dt><dd>${retryable ? 'The same request may succeed later.' : 'The same request will fail again.'}</dd></dl>`,
  );
}

function docsPage(): Markup {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>API · Waybill</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="stylesheet" href="/style.css">
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
</head>
<body>
${HEADER}
<div id="swagger-ui"></div>
<noscript>These pages need JavaScript. The document itself is at <a href="/openapi.json">/openapi.json</a>.</noscript>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>`;
}

/** Serves the landing page, the API documentation and a page for every problem. */
export function servePages(app: ApiApp, { settings }: Pick<ApiDeps, 'settings'>): void {
  const landing = landingPage(settings.WAYBILL_PUBLIC_URL);
  app.get('/', (c) => page(c, landing));
  app.get('/docs', (c) => page(c, docsPage()));
  app.get('/problems', (c) => page(c, problemsPage()));
  app.get('/problems/:code', (c) => {
    const code = c.req.param('code');
    if (!isFailureCode(code)) throw new WaybillError('not_found', 'There is no problem with this code.');
    return page(c, problemPage(code));
  });
}

function page(c: Context<ApiEnv>, markup: Markup): Response | Promise<Response> {
  c.header('Content-Security-Policy', POLICY);
  return c.html(markup);
}
