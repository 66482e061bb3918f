import { html } from 'hono/html';
import type { Content, Markup } from '../shell/markup.ts';
import { button, linkButton, postForm } from './field.ts';
import { facts } from './panel.ts';

export interface Confirmation {
  /** {@link breadcrumb} */
  readonly crumbs: Content;
  /** For example Delete request 1047 and its file? */
  readonly question: string;
  /** What is lost. */
  readonly lost: readonly (readonly [name: string, value: Content])[];
  readonly consequence: string;
  /** Address that the form posts to. */
  readonly action: string;
  readonly csrf: string;
  /** Further fields that the form sends, by name. @default none */
  readonly fields?: Readonly<Record<string, string>>;
  /** Verb and noun, for example Delete request and file. */
  readonly verb: string;
  /** Address of Keep it. */
  readonly keep: string;
  /** Whether there are several, to be kept. */
  readonly isSeveral?: boolean;
}

/** The page that asks before something is lost for good. */
export function confirmation(asked: Confirmation): Markup {
  const { crumbs, question, lost, consequence, action, csrf, fields = {}, verb, keep, isSeveral = false } = asked;
  const hidden = Object.entries(fields).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  );
  return html`<div class="narrow stack">${crumbs}
<section class="panel" aria-labelledby="question"><div class="panel__body"><h1 id="question">${question}</h1>
${facts(lost)}
<p>${consequence}</p>
${postForm(action, csrf, [hidden, button({ label: verb, look: 'danger' }), linkButton(keep, { label: isSeveral ? 'Keep them' : 'Keep it' })], { classes: 'row' })}</div></section></div>`;
}
