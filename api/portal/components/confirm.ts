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
  /** Fields of the form. */
  readonly fields?: Content;
  /** Address that the form posts to. */
  readonly action: string;
  readonly csrf: string;
  /** Verb and noun, for example Delete request and file. */
  readonly verb: string;
  /** What the button says once it was pressed. */
  readonly busy?: string;
  /** Address of Keep it. */
  readonly keep: string;
  /** @default Keep it */
  readonly keepLabel?: string;
}

/** The page that asks before something is lost for good. */
export function confirmation(asked: Confirmation): Markup {
  const { crumbs, question, lost, consequence, fields, action, csrf, verb, busy, keep, keepLabel = 'Keep it' } = asked;
  return html`<div class="narrow stack">${crumbs}
<section class="panel" aria-labelledby="question"><div class="panel__body"><h1 id="question">${question}</h1>
${facts(lost)}
<p>${consequence}</p>
${postForm(action, csrf, [fields, html`<div class="row">${button({ label: verb, look: 'danger', ...(busy !== undefined && { busy }) })}${linkButton(keep, { label: keepLabel })}</div>`], { classes: 'stack' })}</div></section></div>`;
}
