import { html } from 'hono/html';
import type { Content, Markup } from '../shell/markup.ts';
import { icon } from './icon.ts';

/** A state is told by shape, colour and word. */
export type StateKind = 'submitted' | 'running' | 'available' | 'expired' | 'failed' | 'warn';

/** @param word for example Completed */
export function state(kind: StateKind, word: string): Markup {
  return html`<span class="state state--${kind}">${icon(kind)}${word}</span>`;
}

/** A second line below a state or a name. */
export function sub(content: Content): Markup {
  return html`<span class="sub">${content}</span>`;
}

/** @param percent 0 to 100; `null` while rows are counted */
export function progressBar(percent: number | null, label: string): Markup {
  return percent === null
    ? html`<progress max="100" aria-label="${label}"></progress>`
    : html`<progress value="${percent}" max="100" aria-label="${label}"></progress>`;
}

/** A share, with its figure beside it. @param label says all of it, for screen readers */
export function meter(
  { value, max }: { readonly value: number; readonly max: number },
  text: Content,
  label: string,
): Markup {
  return html`<span class="meter"><progress value="${value}" max="${Math.max(1, max)}" aria-label="${label}"></progress><span>${text}</span></span>`;
}
