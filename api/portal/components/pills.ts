import { html } from 'hono/html';
import { attribute, type Content, type Markup } from '../shell/markup.ts';

/** A filter as a link, so that the choice is in the address. */
export interface Pill {
  readonly address: string;
  readonly label: string;
  readonly count: Content;
  readonly isCurrent: boolean;
}

/** @param label for screen readers, for example Requests by state */
export function pills(label: string, choices: readonly Pill[]): Markup {
  return html`<div class="panel__bar"><nav class="pills" aria-label="${label}">${choices.map(
    ({ address, label: name, count, isCurrent }) =>
      html`<a href="${address}"${attribute('aria-current', isCurrent ? 'true' : undefined)}>${name} <span>${count}</span></a>`,
  )}</nav></div>`;
}
