import type { IconName } from '../components/icon.ts';
import type { StateKind } from '../components/state.ts';

export type Child = Node | string | undefined;

/** @param attributes those that are `undefined` are left out */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Readonly<Record<string, string | undefined>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined) made.setAttribute(key, value);
  made.append(...children.filter((child) => child !== undefined));
  return made;
}

const SVG = 'http://www.w3.org/2000/svg';

/** An icon of the page's sprite. */
export function icon(name: IconName): SVGElement {
  const drawn = document.createElementNS(SVG, 'svg');
  drawn.setAttribute('class', 'icon');
  drawn.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', `#${name}`);
  drawn.append(use);
  return drawn;
}

export function state(kind: StateKind, word: string): HTMLElement {
  return element('span', { class: `state state--${kind}` }, icon(kind), word);
}

export function button(label: Child, classes: string, onClick: () => void): HTMLButtonElement {
  const made = element('button', { type: 'button', class: `btn ${classes}`.trim() }, label);
  made.addEventListener('click', onClick);
  return made;
}

/** An answer to what the reader has just done. It gets the focus if something is wrong. */
export function showNotice(
  place: HTMLElement,
  kind: 'good' | 'info' | 'warn' | 'bad',
  title: string,
  text: string,
  ...actions: readonly Child[]
): void {
  const names = { good: 'available', info: 'info', warn: 'warn', bad: 'failed' } as const;
  const look = kind === 'warn' || kind === 'bad' ? ` notice--${kind}` : '';
  const isAlert = kind === 'bad';
  const notice = element(
    'div',
    { class: `notice${look}`, role: isAlert ? 'alert' : 'status', tabindex: isAlert ? '-1' : undefined },
    icon(names[kind]),
    element('div', {}, element('h3', {}, title), element('p', { class: 'note' }, text)),
    ...(actions.length > 0 ? [element('div', { class: 'row' }, ...actions)] : []),
  );
  place.replaceChildren(notice);
  if (isAlert) notice.focus();
}

/** Text in the page that the reader takes along, with the button of `page.js`. @param what as in "Copy recipient" */
export function copyable(text: string, what: string): HTMLElement {
  return element(
    'div',
    { class: 'code', 'data-copy': what },
    element('pre', { tabindex: '0', role: 'region', 'aria-label': what }, text),
  );
}

/** Lets `page.js` add the buttons to what was put into the page. */
export function addCopyButtons(place: HTMLElement): void {
  for (const block of place.querySelectorAll('[data-copy]'))
    block.dispatchEvent(new Event('copyable', { bubbles: true }));
}

/** Tells screen readers. */
export function say(text: string): void {
  byId('live').textContent = text;
}

/** @throws Error if the page has none */
export function byId<Type extends HTMLElement = HTMLElement>(id: string): Type {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no #${id}`);
  return found as Type;
}

/** What is wrong with a field, at the field. @param message `undefined`: nothing */
export function showProblem(id: string, message: string | undefined): void {
  const control = byId<HTMLInputElement>(id);
  const field = control.closest('.field');
  document.getElementById(`${id}-error`)?.remove();
  field?.classList.toggle('field--error', message !== undefined);
  const described = (control.getAttribute('aria-describedby') ?? '')
    .split(' ')
    .filter((name) => name && name !== `${id}-error`);
  if (message !== undefined) {
    control.before(element('p', { class: 'error', id: `${id}-error` }, icon('failed'), message));
    described.push(`${id}-error`);
  }
  if (described.length > 0) control.setAttribute('aria-describedby', described.join(' '));
  else control.removeAttribute('aria-describedby');
  if (message === undefined) control.removeAttribute('aria-invalid');
  else control.setAttribute('aria-invalid', 'true');
}

/** Lets files be dropped on the box around a file input. */
export function acceptDrops(input: HTMLInputElement): void {
  const box = input.closest<HTMLElement>('.drop');
  if (!box) return;
  const mark = (isOver: boolean) => box.classList.toggle('drop--over', isOver);
  box.addEventListener('dragover', (event) => {
    event.preventDefault();
    mark(true);
  });
  box.addEventListener('dragleave', () => mark(false));
  box.addEventListener('drop', (event) => {
    event.preventDefault();
    mark(false);
    if (!event.dataTransfer || event.dataTransfer.files.length === 0) return;
    input.files = event.dataTransfer.files;
    input.dispatchEvent(new Event('change', { bubbles: true }));
  });
}
