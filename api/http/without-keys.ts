/** age identities, whole or mistyped, in either case. */
const PRIVATE_KEY = /AGE-SECRET-KEY-[A-Z0-9-]*/gi;

/**
 * Takes private keys out of text of a caller that is to be answered, logged or kept: sometimes one comes as a user name,
 * in an address, or as the name of a field.
 */
export function withoutKeys(text: string): string {
  return text.replace(PRIVATE_KEY, 'AGE-SECRET-KEY-…');
}
