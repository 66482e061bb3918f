import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * The token that every form of a session carries. It follows from the session's token, which pages do not contain, so only
 * pages that were made for the session have it.
 *
 * Source: OWASP Cross-Site Request Forgery Prevention Cheat Sheet, HMAC-based token pattern.
 *
 * @param token secret: of the session, or of the log-in page
 */
export function csrfToken(token: string): string {
  return createHmac('sha256', token).update('waybill-portal-form').digest('base64url');
}

/** @param given what the form carries; `null`: nothing */
export function isCsrfToken(token: string, given: string | null): boolean {
  const expected = Buffer.from(csrfToken(token));
  const actual = Buffer.from(given ?? '');
  return actual.byteLength === expected.byteLength && timingSafeEqual(actual, expected);
}
