import { html } from 'hono/html';
import type { Content, Markup } from '../shell/markup.ts';
import { linkButton } from './field.ts';
import { icon } from './icon.ts';
import { code } from './panel.ts';

/** A page that shows one is sent in answer to a form, is not kept by anything, and is not kept up to date. */
export interface Secret {
  /** For example Your private key. This is the only time it is shown */
  readonly title: string;
  readonly secret: string;
  /** What it is, as in "Copy private key". */
  readonly name: string;
  /** Name of the file that it is saved as. */
  readonly file: string;
  /** For example I have stored the key. */
  readonly done: string;
  /** Address of the page without the secret. */
  readonly next: string;
  readonly note: Content;
}

/** Shows a secret once. Scripts add the buttons that copy and save it; without them, it is marked and copied. */
export function secretPanel({ title, secret, name, file, done, next, note }: Secret): Markup {
  return html`<section class="secret" aria-labelledby="secret-title"><div class="panel__head">${icon('lock')}<h2 id="secret-title">${title}</h2></div><div class="panel__body">
${code(secret, name)}
<div class="row" data-save="${file}">${linkButton(next, { label: done, look: 'primary', classes: 'push' })}</div>
<p class="note">${note}</p></div></section>`;
}
