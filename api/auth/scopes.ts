import type { Scope } from '../../stores/ledger/ledger.ts';

/** Scopes of OAuth requests and tokens; `everything` stands for the other two. */
export const SCOPE_WORDS = ['read', 'write', 'everything'] as const;

/**
 * Reads a scope text as OAuth writes it.
 * @param text words separated by blanks; empty: `read`
 * @returns `undefined` when a word is not a scope of ours
 */
export function parseScopes(text: string): readonly Scope[] | undefined {
  const words = text.split(/\s+/).filter(Boolean);
  if (words.length === 0) return ['read'];
  const scopes = new Set<Scope>();
  for (const word of words) {
    if (word === 'read' || word === 'everything') scopes.add('read');
    if (word === 'write' || word === 'everything') scopes.add('write');
    if (!SCOPE_WORDS.some((known) => known === word)) return undefined;
  }
  return [...scopes];
}

/**
 * The scopes of ours in a claim of an outside token; words of others are passed over, and without any of ours the
 * token may read.
 */
export function scopesOfClaim(claim: unknown): readonly Scope[] {
  const words = typeof claim === 'string' ? claim.split(/\s+/) : Array.isArray(claim) ? claim : [];
  const known = words.filter((word) => SCOPE_WORDS.some((scope) => scope === word));
  return parseScopes(known.join(' ')) ?? ['read'];
}
