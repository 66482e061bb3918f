import { html, raw } from 'hono/html';

/** HTML whose values have been escaped. */
export type Markup = ReturnType<typeof html>;

/** What a template may hold in place of markup: nothing, or several. */
export type Content = Markup | string | number | undefined | false | readonly Content[];

export const NOTHING = html``;

/** @returns a boolean attribute, for `<option${flag('selected', …)}>` */
export function flag(name: string, isOn: boolean): Markup {
  return isOn ? raw(` ${name}`) : NOTHING;
}

/** @returns an attribute, or nothing without a value */
export function attribute(name: string, value: string | number | undefined): Markup {
  return value === undefined ? NOTHING : html` ${raw(name)}="${value}"`;
}
