import type { Context } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import type { ApiSettings } from '../../deps.ts';

/** Cookies of the portal. None is read by the API. */
export interface Cookies {
  read(c: Context, name: CookieName): string | undefined;
  /** @param seconds how long browsers keep it; absent: until they are closed */
  set(c: Context, name: CookieName, value: string, seconds?: number): void;
  clear(c: Context, name: CookieName): void;
}

/** `session`: the token of a log-in; `gate`: ties the form of the log-in page to the browser; `zone`: time zone of pages. */
export type CookieName = 'session' | 'gate' | 'zone' | 'oidc';

/**
 * Over https their names begin with `__Host-`, so that no other host of the domain can set them. `Lax`, because links in
 * mails lead to pages; what changes something needs a token besides.
 *
 * @param area.path of the pages
 * @param area.prefix of the names, so that the pages of tenants and the operator's have cookies of their own
 *
 * Source: RFC 6265bis sections 4.1.3.2 and 5.6.7.
 */
export function createCookies(
  { WAYBILL_PUBLIC_URL: url }: Pick<ApiSettings, 'WAYBILL_PUBLIC_URL'>,
  { path, prefix }: { readonly path: string; readonly prefix: string },
): Cookies {
  const secure = url.startsWith('https:');
  const nameOf = (name: CookieName) => `${secure ? '__Host-' : ''}waybill-${prefix}${name}`;
  const common = { httpOnly: true, sameSite: 'Lax', secure, path: secure ? '/' : path } as const;
  return {
    read: (c, name) => getCookie(c, nameOf(name)),
    set(c, name, value, seconds) {
      setCookie(c, nameOf(name), value, { ...common, ...(seconds !== undefined && { maxAge: seconds }) });
    },
    clear(c, name) {
      setCookie(c, nameOf(name), '', { ...common, maxAge: 0 });
    },
  };
}
