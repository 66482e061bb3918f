import { html } from 'hono/html';
import { attribute, type Content, type Markup } from '../shell/markup.ts';
import { type IconName, icon } from './icon.ts';

export interface Notice {
  /** @default info */
  readonly kind?: 'warn' | 'bad';
  readonly icon?: IconName;
  readonly title: string;
  /** One sentence. */
  readonly text?: Content;
  /** At most two: links or buttons. */
  readonly actions?: Content;
  /** Whether it answers what the reader has just done. */
  readonly isAnswer?: boolean;
}

const ICONS = { info: 'info', warn: 'warn', bad: 'failed' } as const;

export function notice({ kind, icon: name, title, text, actions, isAnswer = false }: Notice): Markup {
  const role = isAnswer && kind === 'bad' ? 'alert' : 'status';
  return html`<div class="notice${kind ? ` notice--${kind}` : ''}" role="${role}"${attribute('tabindex', role === 'alert' ? -1 : undefined)}>${icon(name ?? ICONS[kind ?? 'info'])}<div><h2>${title}</h2>${text === undefined ? '' : html`<p class="note">${text}</p>`}</div>${actions === undefined ? '' : html`<div class="row">${actions}</div>`}</div>`;
}

/** What is wrong with a field of a form. */
export interface FieldProblem {
  /** Id of the control. */
  readonly id: string;
  /** A sentence that says what to choose; shown here and at the field. */
  readonly message: string;
}

/** Lists what is wrong with a form, above the page's title. The page moves the focus to it. */
export function errorSummary(title: string, problems: readonly FieldProblem[]): Markup {
  return html`<div class="notice notice--bad" role="alert" tabindex="-1" data-focus>${icon('failed')}<div><h2>${title}</h2><ul>${problems.map(({ id, message }) => html`<li><a href="#${id}">${message}</a></li>`)}</ul></div></div>`;
}

/** What is shown in place of a list without rows. @param level of its heading: 2 in a panel without one */
export function empty(title: string, text: Content, level: 2 | 3 = 3): Markup {
  const heading = level === 2 ? html`<h2>${title}</h2>` : html`<h3>${title}</h3>`;
  return html`<div class="empty"><svg width="56" height="56" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linejoin="round" aria-hidden="true"><use href="#slip"/></svg>${heading}<p>${text}</p></div>`;
}
