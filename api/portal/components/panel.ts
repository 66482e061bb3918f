import { html } from 'hono/html';
import { attribute, type Content, type Markup, NOTHING } from '../shell/markup.ts';

export interface Panel {
  /** Id of the heading, unique in the page and not the name of an icon. */
  readonly id: string;
  readonly title: string;
  /** Id of the panel itself, if it changes live as a whole. */
  readonly panelId?: string;
  /** A count or a sentence beside the heading. */
  readonly about?: Content;
  /** What stands at the right of the heading, such as {@link liveMark} or a button. */
  readonly tools?: Content;
  /** A {@link panelBody}, a table, or both. */
  readonly content: Content;
  readonly foot?: Content;
}

export function panel({ id, title, panelId, about, tools, content, foot }: Panel): Markup {
  return html`<section class="panel"${attribute('id', panelId)} aria-labelledby="${id}"><div class="panel__head"><h2 id="${id}">${title}</h2>${about === undefined ? '' : html`<p>${about}</p>`}${tools ?? ''}</div>
${content}${foot === undefined ? '' : html`<div class="panel__foot">${foot}</div>`}</section>`;
}

export function panelBody(content: Content): Markup {
  return html`<div class="panel__body">${content}</div>`;
}

/** Values by name, such as a file and its hash. */
export function facts(entries: readonly (readonly [name: string, value: Content])[]): Markup {
  return html`<dl class="facts">${entries.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>\n`)}</dl>`;
}

/** A line that can be copied; a script adds the button. @param what as in "Copy command" */
export function code(text: string, what: string): Markup {
  return html`<div class="code" data-copy="${what}"><pre>${text}</pre></div>`;
}

/** Says whether the page is kept up to date. Without a script it is a link that loads the page again. */
export function liveMark(address: string): Markup {
  return html`<span data-live-mark><a class="btn btn--small" href="${address}">Reload</a></span>`;
}

/** The page's title, with what can be done to the whole page. */
export function pageHead({
  title,
  text,
  beside = NOTHING,
  crumbs = NOTHING,
  actions,
  id,
}: {
  readonly title: string;
  readonly text?: Content;
  /** Stands beside the title, such as a state. */
  readonly beside?: Content;
  /** {@link breadcrumb} */
  readonly crumbs?: Content;
  readonly actions?: Content;
  /** If it changes live. */
  readonly id?: string;
}): Markup {
  return html`<div class="head"${attribute('id', id)}>${crumbs}<div class="head__text"><div class="title"><h1>${title}</h1>${beside}</div>${text === undefined ? '' : html`<p>${text}</p>`}</div>${actions === undefined ? '' : html`<div class="row">${actions}</div>`}</div>`;
}

/** @param ancestors address and name of each, outermost first. @param current the page's own name */
export function breadcrumb(ancestors: readonly (readonly [address: string, name: string])[], current: string): Markup {
  return html`<nav aria-label="Breadcrumb"><ol class="crumb">${ancestors.map(([address, name]) => html`<li><a href="${address}">${name}</a></li>`)}<li><span aria-current="page">${current}</span></li></ol></nav>`;
}
