import { type Settings, SettingsError } from '../config/settings.ts';
import type { Ledger } from '../stores/ledger/ports.ts';
import { generateSshKey, privateKeyFingerprint } from '../stores/remotes/ssh-keys.ts';

export interface HostKey {
  /** In OpenSSH's format or PEM. Secret. */
  readonly privateKey: string;
  /** As clients show it: `SHA256:…` */
  readonly fingerprint: string;
}

/**
 * The host key of the settings, or else the one in the ledger, which the first gateway makes.
 *
 * @throws SettingsError if the key of the settings cannot be read
 */
export async function readHostKey(
  ledger: Pick<Ledger, 'sftpHostKey'>,
  { WAYBILL_SFTP_HOST_KEY: own }: Pick<Settings, 'WAYBILL_SFTP_HOST_KEY'>,
): Promise<HostKey> {
  const privateKey = own ?? (await ledger.sftpHostKey.obtain(() => generateSshKey().private));
  const fingerprint = privateKeyFingerprint(privateKey);
  if (fingerprint === undefined) {
    throw new SettingsError(
      'WAYBILL_SFTP_HOST_KEY holds no private key without a passphrase, as "ssh-keygen -t ed25519 -N \'\'" writes it.',
    );
  }
  return { privateKey, fingerprint };
}
