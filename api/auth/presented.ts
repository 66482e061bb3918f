/** A credential as a request presents it, before it is checked. */
export type Presented =
  | { readonly kind: 'pair'; readonly clientId: string; readonly secret: string }
  /** An API key or an access token. */
  | { readonly kind: 'bearer'; readonly value: string }
  | { readonly kind: 'none' }
  | { readonly kind: 'malformed' };

const MALFORMED: Presented = { kind: 'malformed' };
/** Longer ones are not credentials, and would only cost time. A count of characters. */
const LENGTH_MAX = 8192;

/**
 * Reads `Authorization` (Basic, Bearer) or else `api-key`.
 * Source: RFC 7617 with UTF-8, RFC 6750 section 2.1.
 */
export function readPresented(authorization: string | undefined, apiKey: string | undefined): Presented {
  if (authorization === undefined) {
    if (apiKey === undefined) return { kind: 'none' };
    return bearer(apiKey.trim());
  }
  const [, scheme = '', value = ''] = /^\s*(\S+)\s+(\S+)\s*$/.exec(authorization) ?? [];
  if (scheme.toLowerCase() === 'bearer') return bearer(value);
  if (scheme.toLowerCase() === 'basic') return basic(value);
  return MALFORMED;
}

function bearer(value: string): Presented {
  return value.length > 0 && value.length <= LENGTH_MAX ? { kind: 'bearer', value } : MALFORMED;
}

function basic(value: string): Presented {
  if (value.length > LENGTH_MAX || !/^[A-Za-z0-9+/]+={0,2}$/.test(value)) return MALFORMED;
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(value, 'base64'));
  } catch {
    return MALFORMED;
  }
  const pair = splitPair(text);
  return pair ? { kind: 'pair', ...pair } : MALFORMED;
}

/** Splits `client id:secret` at the first colon. @returns `undefined` when there is none or a side is empty. */
export function splitPair(text: string): { readonly clientId: string; readonly secret: string } | undefined {
  const colon = text.indexOf(':');
  if (colon < 1 || colon === text.length - 1) return undefined;
  return { clientId: text.slice(0, colon), secret: text.slice(colon + 1) };
}
