import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { ApiApp } from '../openapi.ts';

/** Style sheet of the pages. All colours have a contrast of at least 4.5 to 1, in light and dark mode. */
const STYLE = `:root {
  color-scheme: light dark;
  --ink: light-dark(#1c2330, #e6e9ef);
  --soft: light-dark(#566074, #a3adbf);
  --paper: light-dark(#fbfaf7, #14181f);
  --card: light-dark(#ffffff, #1c222c);
  --line: light-dark(#ddd8cc, #303949);
  --link: light-dark(#0b5a75, #7cc7e0);
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.6 system-ui, sans-serif; }
body > header { display: flex; justify-content: space-between; gap: 1rem; padding: 1rem clamp(1rem, 5vw, 3rem); border-bottom: 1px solid var(--line); }
body > header > a { font-weight: 700; letter-spacing: 0.02em; color: var(--ink); text-decoration: none; }
body > header nav { display: flex; gap: 1.25rem; }
.page { max-width: 56rem; margin: 0 auto; padding: 2rem clamp(1rem, 5vw, 3rem) 4rem; }
h1 { font-size: clamp(1.7rem, 5vw, 2.6rem); line-height: 1.15; text-wrap: balance; margin: 1rem 0; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 0.5rem; }
body > header a, .page a { color: var(--link); }
body > header > a { color: var(--ink); }
a:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; border-radius: 3px; }
.lead { font-size: 1.15rem; color: var(--soft); max-width: 38rem; text-wrap: pretty; }
.cards { list-style: none; padding: 0; margin: 2rem 0 0; display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); }
.cards a { display: block; height: 100%; padding: 1rem 1.2rem; background: var(--card); border: 1px solid var(--line); border-radius: 10px; text-decoration: none; }
.cards a:hover { border-color: var(--link); }
.cards span { display: block; color: var(--soft); }
.page table { width: 100%; border-collapse: collapse; }
.page th, .page td { text-align: left; vertical-align: top; padding: 0.6rem 1.2rem 0.6rem 0; border-bottom: 1px solid var(--line); }
.page td:first-child { white-space: nowrap; }
.page dt { color: var(--soft); margin-top: 1rem; }
.page dd { margin: 0; }
.page code { font-family: ui-monospace, monospace; font-size: 0.9em; }
.page pre { margin: 0; padding: 1rem 1.2rem; overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 10px; line-height: 1.5; }
@media (max-width: 44rem) {
  .page thead { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
  .page table, .page tbody { display: block; }
  .page tr { display: grid; grid-template-columns: 1fr auto; gap: 0.2rem 1rem; padding: 0.8rem 0; border-bottom: 1px solid var(--line); }
  .page td { padding: 0; border: 0; }
  .page td:nth-child(2) { color: var(--soft); }
  .page td:nth-child(3) { grid-column: 1 / -1; }
}
#swagger-ui .wrapper { padding: 0 clamp(1rem, 5vw, 3rem); max-width: none; }
#swagger-ui .info { margin: 1.5rem 0; }
#swagger-ui .scheme-container { margin: 0 0 1rem; padding: 1rem 0; background: none; box-shadow: none; border-block: 1px solid var(--line); }
#swagger-ui .scheme-container .schemes { align-items: end; }
`;

/** The only files of the Swagger UI package that are served, by name, with their media types. */
const ASSETS: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

const START = `const dark = matchMedia('(prefers-color-scheme: dark)');
const follow = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
dark.addEventListener('change', follow);
follow();
SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  presets: [SwaggerUIBundle.presets.apis],
});
`;

/** Serves the style sheet and the installed Swagger UI, so that pages load nothing from other hosts. */
export function serveAssets(app: ApiApp): void {
  const root = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'));
  app.get('/style.css', (c) =>
    c.body(STYLE, 200, { 'Content-Type': 'text/css; charset=utf-8', 'Cache-Control': 'public, max-age=300' }),
  );
  app.get('/docs/start.js', (c) =>
    c.body(START, 200, { 'Content-Type': 'text/javascript; charset=utf-8', 'Cache-Control': 'public, max-age=300' }),
  );
  for (const [name, type] of Object.entries(ASSETS)) {
    app.get(`/docs/${name}`, async (c) => {
      const bytes = new Uint8Array(await readFile(join(root, name)));
      return c.body(bytes, 200, { 'Content-Type': type, 'Cache-Control': 'public, max-age=3600' });
    });
  }
}
