import type { Credential } from './tables.ts';

/** @returns whether the credential is neither disabled nor expired */
export function isUsable({ disabledAt, expiresAt }: Pick<Credential, 'disabledAt' | 'expiresAt'>, now: Date): boolean {
  return disabledAt === null && (expiresAt === null || expiresAt > now);
}
