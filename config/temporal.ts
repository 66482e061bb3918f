import { accessSync } from 'node:fs';
import { type ClientConnectConfig, loadClientConnectConfig } from '@temporalio/envconfig';
import { type Environment, type Settings, SettingsError } from './settings.ts';

/** How to reach Temporal. Options for both kinds of connection; they contain secrets, so do not log them. */
export interface TemporalTarget {
  readonly connection: Pick<ClientConnectConfig['connectionOptions'], 'tls' | 'apiKey' | 'metadata'> & {
    readonly address: string;
  };
  readonly namespace: string;
}

type TemporalSettings = Pick<
  Settings,
  'WAYBILL_TEMPORAL_ADDRESS' | 'WAYBILL_TEMPORAL_NAMESPACE' | 'WAYBILL_TEMPORAL_API_KEY' | 'WAYBILL_TEMPORAL_TLS'
>;

const ADDRESS = '127.0.0.1:7233';
const NAMESPACE = 'waybill';

/**
 * With `WAYBILL_TEMPORAL_ADDRESS`, only Waybill's settings apply, so that no key or certificate is sent to a server it was
 * not meant for. Without it, Temporal's own variables and profile apply, and each setting of Waybill overrides its
 * counterpart there.
 *
 * @param environment for `TEMPORAL_*`, and the home directory of the configuration file
 * @throws SettingsError that explains what is wrong with Temporal's own settings, without their values
 */
export function temporalTarget(settings: TemporalSettings, environment: Environment): TemporalTarget {
  const {
    WAYBILL_TEMPORAL_ADDRESS: address,
    WAYBILL_TEMPORAL_NAMESPACE: namespace,
    WAYBILL_TEMPORAL_API_KEY: apiKey,
    WAYBILL_TEMPORAL_TLS: tls,
  } = settings;
  const profile = address === undefined ? readProfile(environment) : { connectionOptions: {} };
  const known = profile.connectionOptions;
  const key = apiKey ?? known.apiKey;
  return {
    connection: {
      address: address ?? known.address ?? ADDRESS,
      // Switching TLS on keeps a profile's certificates.
      tls: tls === true ? known.tls || true : (tls ?? known.tls ?? (address === undefined && key !== undefined)),
      ...(key === undefined ? {} : { apiKey: key }),
      ...(known.metadata === undefined ? {} : { metadata: known.metadata }),
    },
    namespace: namespace ?? profile.namespace ?? NAMESPACE,
  };
}

function readProfile(environment: Environment): ClientConnectConfig {
  const present = Object.fromEntries(
    Object.entries(environment).filter((entry): entry is [string, string] => Boolean(entry[1])),
  );
  const { TEMPORAL_CONFIG_FILE: file } = present;
  try {
    // The library ignores a missing file, even one that was named explicitly.
    if (file !== undefined) accessSync(file);
    return loadClientConnectConfig({ overrideEnvVars: present });
  } catch (error) {
    throw new SettingsError(`Waybill cannot use Temporal's own settings: ${reasonOf(error)}`);
  }
}

/** Omits the TOML parser's message, because it quotes the line, which may contain a key. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'they cannot be read';
  if ('codeblock' in error && 'line' in error) return `line ${error.line} of the configuration file is not valid TOML`;
  return error.message;
}
