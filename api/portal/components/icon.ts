import { html } from 'hono/html';
import type { Markup } from '../shell/markup.ts';

/** Icons are drawn once a page, and used by name. Each stands beside a word, so assistive technology skips them. */
export const SPRITE = html`<svg hidden width="0" height="0" aria-hidden="true">
<symbol id="available" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="currentColor" stroke="none"/><path d="m4.9 8.3 2.2 2.2 4.1-4.7" stroke="var(--surface)" stroke-width="1.75"/></symbol>
<symbol id="submitted" viewBox="0 0 16 16"><circle cx="8" cy="8" r="6.25"/><path d="M8 4.75V8l2.2 1.5"/></symbol>
<symbol id="running" viewBox="0 0 16 16"><circle cx="8" cy="8" r="6.25"/><path d="M8 3.6a4.4 4.4 0 0 1 0 8.8z" fill="currentColor" stroke="none"/></symbol>
<symbol id="expired" viewBox="0 0 16 16"><circle cx="8" cy="8" r="6.25" stroke-dasharray="2.4 2.5"/><path d="M5.5 8h5"/></symbol>
<symbol id="failed" viewBox="0 0 16 16"><path d="M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1z" fill="currentColor" stroke="none"/><path d="m5.6 5.6 4.8 4.8m0-4.8-4.8 4.8" stroke="var(--surface)" stroke-width="1.75"/></symbol>
<symbol id="warn" viewBox="0 0 16 16"><path d="M8 1.8 15 14H1z"/><path d="M8 6.4v3.4m0 2v.1"/></symbol>
<symbol id="info" viewBox="0 0 16 16"><circle cx="8" cy="8" r="6.25"/><path d="M8 7.4v3.8M8 4.8v.1"/></symbol>
<symbol id="down" viewBox="0 0 16 16"><path d="M8 1.8v8.4m-3.6-3.4L8 10.4l3.6-3.6M2.5 13.7h11"/></symbol>
<symbol id="copy" viewBox="0 0 16 16"><rect x="5.5" y="5.5" width="8.5" height="8.5" rx="1"/><path d="M10.5 2.5v-.5h-8.5v8.5h.5"/></symbol>
<symbol id="lock" viewBox="0 0 16 16"><rect x="2.8" y="7" width="10.4" height="7" rx="1"/><path d="M5 7V4.8a3 3 0 0 1 6 0V7"/></symbol>
<symbol id="out" viewBox="0 0 16 16"><path d="M6.5 3H3v10h10V9.5M9.5 2.5h4v4m0-4L7.5 8.5"/></symbol>
<symbol id="plus" viewBox="0 0 16 16"><path d="M8 3v10M3 8h10"/></symbol>
<symbol id="cross" viewBox="0 0 16 16"><path d="m4 4 8 8m0-8-8 8"/></symbol>
<symbol id="menu" viewBox="0 0 16 16"><path d="M2 4h12M2 8h12M2 12h12"/></symbol>
<symbol id="tick" viewBox="0 0 16 16"><path d="m3 8.5 3.4 3.4L13 4.6" stroke-width="2"/></symbol>
<symbol id="dot" viewBox="0 0 16 16"><circle cx="8" cy="8" r="5" fill="currentColor" stroke="none"/></symbol>
<symbol id="slip" viewBox="0 0 48 48"><path d="M10 4h28v38l-4.67-5-4.66 5L24 37l-4.67 5-4.66-5L10 42z"/><path d="M16 12v9m4-9v9m5-9v9m3-9v9m4-9v9M16 27h16M16 31h9"/></symbol>
</svg>`;

export type IconName =
  | 'available'
  | 'submitted'
  | 'running'
  | 'expired'
  | 'failed'
  | 'warn'
  | 'info'
  | 'down'
  | 'copy'
  | 'lock'
  | 'out'
  | 'plus'
  | 'cross'
  | 'menu'
  | 'tick'
  | 'dot';

export function icon(name: IconName): Markup {
  return html`<svg class="icon" aria-hidden="true"><use href="#${name}"/></svg>`;
}

const MARK = 'M3 2h18v20l-4.5-5.5L12 22l-4.5-5.5L3 22zM6 5v7h1.5V5zM9 5v7h1V5zM11.5 5v7h2.5V5zM15.5 5v7h1V5z';

/** The mark and the wordmark. @param height of the mark in pixels: 24 in the header, 30 at log-in */
export function brand(height: 24 | 30): Markup {
  const [width, wordHeight] = height === 24 ? [57, 18] : [70, 22];
  return html`<svg class="mark" width="${height}" height="${height}" viewBox="0 0 24 24" aria-hidden="true"><path fill="currentColor" fill-rule="evenodd" d="${MARK}"/></svg><svg width="${width}" height="${wordHeight}" viewBox="0 0 76 24" role="img" aria-label="Waybill" class="wordmark"><g fill="none" stroke="currentColor" stroke-width="2.4"><path d="m1.5 4.5 4.3 14.2L10.5 6l4.7 12.7 4.3-14.2" stroke-linejoin="miter"/><circle cx="26.3" cy="13.9" r="4.5"/><path d="M31 8.4v11.1M34.8 8.4l4.6 10.6m4.5-10.6-5.7 14.2h-2.4"/><path d="M48.4 3v16.5"/><circle cx="53.1" cy="13.9" r="4.5"/></g><path fill="currentColor" d="M61 8.4h2.4v11.1H61zM61 3.5h2.4v2.6H61zM65.8 3h4.2v16.5h-4.2zM72.4 3h1.4v16.5h-1.4z"/></svg>`;
}

/** The mark as a file of its own, for browser tabs. */
export const MARK_FILE = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><style>path{fill:#0a6075}@media(prefers-color-scheme:dark){path{fill:#62c9db}}</style><path fill-rule="evenodd" d="${MARK}"/></svg>\n`;
