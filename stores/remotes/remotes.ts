import { lookup } from 'node:dns/promises';
import { createNetworks } from '../../config/networks.ts';
import { readSecretsKeys } from '../../config/secrets-key.ts';
import type { Settings } from '../../config/settings.ts';
import type { DestinationConfig, DestinationSecret } from '../../contracts/destination.ts';
import { WaybillError } from '../../contracts/failures.ts';
import { type AddressGuard, createAddressGuard, type Resolve } from './address-guard.ts';
import type { Remotes } from './remote.ts';
import { openS3 } from './s3.ts';
import { createSecretSealer } from './sealed-secret.ts';
import { openSftp } from './sftp.ts';

/** @param resolve finds the addresses of a host; asked for every connection */
export function createRemotes(options: {
  readonly secretsKeys: readonly [Buffer, ...Buffer[]];
  readonly allowedNetworks: readonly string[];
  readonly resolve: Resolve;
}): Remotes {
  const sealer = createSecretSealer<DestinationSecret>(options.secretsKeys, 'destination');
  const shared = { allowed: createNetworks(options.allowedNetworks), resolve: options.resolve };
  const guard = createAddressGuard(shared);
  const plainGuard = createAddressGuard({ ...shared, allowedOnly: true });

  /** Without TLS only inside the operator's own networks. */
  const guardOf = (config: DestinationConfig): AddressGuard =>
    config.kind === 's3' && new URL(config.endpoint).protocol === 'http:' ? plainGuard : guard;

  return {
    seal: (tenant, secret) => sealer.seal(tenant, secret),

    check: (config) => guardOf(config).check(config.kind === 'sftp' ? config.host : new URL(config.endpoint).hostname),

    async open({ tenant, config, secret }, signal) {
      const opened = openSecret(tenant, secret);
      if (config.kind === 'sftp' && !('secretKey' in opened)) {
        return openSftp(config, opened, guardOf(config), signal);
      }
      if (config.kind === 's3' && 'secretKey' in opened) return openS3(config, opened, guardOf(config));
      throw new TypeError(`a secret of another kind of destination than ${config.kind}`);
    },
  };

  function openSecret(tenant: string, secret: Uint8Array): DestinationSecret {
    try {
      return sealer.open(tenant, secret);
    } catch (cause) {
      const message = 'The credentials of the destination can no longer be read. Set the destination again.';
      throw new WaybillError('destination_login', message, { cause });
    }
  }
}

/** @returns `null` if the deployment has no key for secrets, and so offers no push delivery */
export function remotesOf(
  settings: Pick<Settings, 'WAYBILL_SECRETS_KEY' | 'WAYBILL_PUSH_ALLOWED_NETWORKS'>,
): Remotes | null {
  const secretsKeys = readSecretsKeys(settings.WAYBILL_SECRETS_KEY ?? '');
  if (!secretsKeys) return null;
  return createRemotes({
    secretsKeys,
    allowedNetworks: settings.WAYBILL_PUSH_ALLOWED_NETWORKS,
    resolve: (host) => lookup(host, { all: true }),
  });
}
