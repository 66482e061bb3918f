import { readSecretsKeys } from '../../config/secrets-key.ts';
import type { Settings } from '../../config/settings.ts';
import { createSecretSealer, type SecretSealer } from './sealed-secret.ts';

/** Seals the passwords of tenants' archives, for the ledger. */
export type ArchivePasswords = SecretSealer<string>;

/** @returns `null` if the deployment has no key for secrets, and so takes no passwords */
export function archivePasswordsOf(settings: Pick<Settings, 'WAYBILL_SECRETS_KEY'>): ArchivePasswords | null {
  const keys = readSecretsKeys(settings.WAYBILL_SECRETS_KEY ?? '');
  return keys ? createSecretSealer(keys, 'archive') : null;
}
