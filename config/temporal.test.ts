import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { SettingsError } from './settings.ts';
import { temporalTarget } from './temporal.ts';

const PROFILES = `
[profile.default]
address = "default.example:7233"

[profile.cloud]
address = "cloud.example:7233"
namespace = "exports.a1b2c"
api_key = "key-of-the-profile"
[profile.cloud.grpc_meta]
tenant-of = "ours"

[profile.own]
address = "own.example:7233"
[profile.own.tls]
client_cert_data = "certificate"
client_key_data = "key"
server_name = "temporal.internal"
`;

const NOTHING = {
  WAYBILL_TEMPORAL_ADDRESS: undefined,
  WAYBILL_TEMPORAL_NAMESPACE: undefined,
  WAYBILL_TEMPORAL_API_KEY: undefined,
  WAYBILL_TEMPORAL_TLS: undefined,
};

const bytes = (text: string) => new TextEncoder().encode(text);

function configFile(text = PROFILES): string {
  const folder = mkdtempSync(join(tmpdir(), 'temporal-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'temporal.toml');
  writeFileSync(file, text);
  return file;
}

function messageOf(environment: Record<string, string>): string {
  try {
    temporalTarget(NOTHING, environment);
  } catch (error) {
    if (error instanceof SettingsError) return error.message;
    throw error;
  }
  throw new Error('the settings were accepted');
}

it('connects to this machine when nothing is set', () => {
  expect(temporalTarget(NOTHING, {})).toEqual({
    connection: { address: '127.0.0.1:7233', tls: false },
    namespace: 'waybill',
  });
});

it('takes Temporal’s own variables', () => {
  const environment = {
    TEMPORAL_ADDRESS: 'a.example:7233',
    TEMPORAL_NAMESPACE: 'exports',
    TEMPORAL_API_KEY: 'key-of-the-environment',
  };
  expect(temporalTarget(NOTHING, environment)).toEqual({
    connection: { address: 'a.example:7233', apiKey: 'key-of-the-environment', tls: true },
    namespace: 'exports',
  });
  expect(temporalTarget(NOTHING, { ...environment, TEMPORAL_TLS: 'false' }).connection.tls).toBe(false);
});

it('takes a profile of the configuration file, and its variables before that', () => {
  const TEMPORAL_CONFIG_FILE = configFile();
  expect(temporalTarget(NOTHING, { TEMPORAL_CONFIG_FILE }).connection.address).toBe('default.example:7233');
  const cloud = { TEMPORAL_CONFIG_FILE, TEMPORAL_PROFILE: 'cloud' };
  expect(temporalTarget(NOTHING, cloud)).toEqual({
    connection: {
      address: 'cloud.example:7233',
      apiKey: 'key-of-the-profile',
      tls: true,
      metadata: { 'tenant-of': 'ours' },
    },
    namespace: 'exports.a1b2c',
  });
  expect(temporalTarget(NOTHING, { ...cloud, TEMPORAL_NAMESPACE: 'other' }).namespace).toBe('other');
});

it('lets each of Waybill’s settings override the profile, and keeps its certificates', () => {
  const environment = { TEMPORAL_CONFIG_FILE: configFile(), TEMPORAL_PROFILE: 'own' };
  const settings = { ...NOTHING, WAYBILL_TEMPORAL_NAMESPACE: 'mine', WAYBILL_TEMPORAL_API_KEY: 'my-key' };
  const { connection, namespace } = temporalTarget({ ...settings, WAYBILL_TEMPORAL_TLS: true }, environment);
  expect([connection.address, connection.apiKey, namespace]).toEqual(['own.example:7233', 'my-key', 'mine']);
  expect(connection.tls).toMatchObject({
    serverNameOverride: 'temporal.internal',
    clientCertPair: { crt: bytes('certificate'), key: bytes('key') },
  });
  expect(temporalTarget({ ...NOTHING, WAYBILL_TEMPORAL_TLS: false }, environment).connection.tls).toBe(false);
});

it('takes nothing of Temporal’s own settings to an address of Waybill’s', () => {
  const environment = { TEMPORAL_CONFIG_FILE: configFile(), TEMPORAL_PROFILE: 'cloud', TEMPORAL_API_KEY: 'key' };
  expect(temporalTarget({ ...NOTHING, WAYBILL_TEMPORAL_ADDRESS: '127.0.0.1:7233' }, environment)).toEqual({
    connection: { address: '127.0.0.1:7233', tls: false },
    namespace: 'waybill',
  });
});

it('says what is wrong, and repeats no line of the file', () => {
  const broken = configFile('[profile.default]\napi_key = "key-of-the-profile\n');
  expect(messageOf({ TEMPORAL_CONFIG_FILE: broken })).toMatch(/line \d+ of the configuration file is not valid TOML$/);
  expect(messageOf({ TEMPORAL_CONFIG_FILE: configFile(), TEMPORAL_PROFILE: 'none' })).toContain("Profile 'none'");
  expect(messageOf({ TEMPORAL_CONFIG_FILE: '/nowhere/temporal.toml' })).toContain('/nowhere/temporal.toml');
});
