import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readSettings, readSomeSettings, SettingsError } from './settings.ts';

const COMPLETE = {
  WAYBILL_LEDGER_URL: 'postgres://waybill:pass-word-of-ledger@127.0.0.1/ledger',
  WAYBILL_OBJECTS_ACCESS_KEY: 'access',
  WAYBILL_OBJECTS_SECRET_KEY: 'kept-quiet-in-messages',
  WAYBILL_CATALOG: 'catalogs/sample',
  WAYBILL_WAREHOUSE_SQL: "ATTACH 'w.duckdb' AS warehouse (READ_ONLY)",
  WAYBILL_LINK_SECRET: 'l'.repeat(32),
  WAYBILL_TOKEN_SECRET: 't'.repeat(32),
};

function messageOf(environment: Record<string, string>): string {
  try {
    readSettings(environment);
  } catch (error) {
    if (error instanceof SettingsError) return error.message;
    throw error;
  }
  throw new Error('the settings were accepted');
}

describe('readSettings', () => {
  it('takes addresses and networks as trusted proxies, and nothing else', () => {
    const read = (text: string) => readSettings({ ...COMPLETE, WAYBILL_TRUSTED_PROXIES: text }).WAYBILL_TRUSTED_PROXIES;
    expect(read('10.0.0.0/8, ::1')).toEqual(['10.0.0.0/8', '::1']);
    expect(messageOf({ ...COMPLETE, WAYBILL_TRUSTED_PROXIES: '10.0.0.0/8,proxy.example' })).toContain(
      'WAYBILL_TRUSTED_PROXIES holds "10.0.0.0/8,proxy.example": should be IP addresses or networks such as 10.0.0.0/8',
    );
  });

  it('drops the slashes at the end of the public URL', () => {
    const read = (url: string) => readSettings({ ...COMPLETE, WAYBILL_PUBLIC_URL: url }).WAYBILL_PUBLIC_URL;
    expect(read('https://exports.example/')).toBe('https://exports.example');
    expect(read('https://example.com/waybill//')).toBe('https://example.com/waybill');
  });

  it('fills in the defaults', () => {
    const settings = readSettings({ ...COMPLETE, PATH: '/bin', WAYBILL_KEEP_DAYS: '' });
    expect(settings.WAYBILL_API_PORT).toBe(8080);
    expect(settings.WAYBILL_KEEP_DAYS).toBe(30);
    expect(settings.WAYBILL_ENV).toBe('production');
  });

  it.each([
    ['WAYBILL_API_PORT', '70000', 'WAYBILL_API_PORT holds "70000"'],
    ['WAYBILL_API_PORT', 'http', 'WAYBILL_API_PORT holds "http"'],
    ['WAYBILL_ENV', 'staging', 'WAYBILL_ENV holds "staging"'],
    ['WAYBILL_OBJECTS_URL', 'minio:9000:1', 'WAYBILL_OBJECTS_URL holds'],
    ['WAYBILL_TOKEN_ISSUERS', '{', 'should be a JSON array'],
    ['WAYBILL_TOKEN_ISSUERS', '[{"issuer":"x"}]', 'WAYBILL_TOKEN_ISSUERS'],
    ['WAYBILL_WAREHOUSE_MEMORY', 'lots', 'holds "lots": should be an amount of memory such as 2GB'],
    ['WAYBILL_WAREHOUSE_MEMORY', '-1GB', 'should be an amount of memory such as 2GB'],
    ['WAYBILL_LEDGER_URL', 'mysql://x', 'should begin with postgres://'],
    ['WAYBILL_LINK_SECRET', 'short', 'WAYBILL_LINK_SECRET holds a secret'],
    [
      'WAYBILL_OPERATOR_SECRET_HASH',
      'a secret in clear',
      'holds a secret: should be a hash as "npx waybill operator-s',
    ],
    // That of the local stack.
    [
      'WAYBILL_OPERATOR_SECRET_HASH',
      'scrypt:N=32768,r=8,p=1:ZGVtby1zZWNyZXQtc2FsdA:I-rEi_Of0-SXwjQJr9PfAzOxHv5ppkZOpBuCnhHEyOY',
      'holds a secret of the local stack',
    ],
  ])('says what is wrong with %s=%s', (name, value, part) => {
    expect(messageOf({ ...COMPLETE, [name]: value })).toContain(part);
  });

  const PROVIDER = { name: 'acme', title: 'Acme', issuer: 'https://login.acme.example', clientId: 'waybill' };
  it.each([
    [[{ ...PROVIDER, issuer: 'http://login.acme.example' }], '[0].issuer should be an https:// address'],
    [[{ ...PROVIDER, name: 'Acme Inc' }], '[0].name should be lower-case letters'],
    [[{ ...PROVIDER, scope: 'email' }], '[0].scope should contain openid'],
    [[{ ...PROVIDER, tenat: 'acme' }], 'tenat'],
    [[{ ...PROVIDER, writers: { claim: 'groups', values: [] } }], '[0].writers.values should list at least one'],
    [[PROVIDER, PROVIDER], 'should have names that differ'],
  ])('refuses the OpenID Providers %j', (providers, part) => {
    expect(messageOf({ ...COMPLETE, WAYBILL_OPENID_PROVIDERS: JSON.stringify(providers) })).toContain(part);
  });

  it('takes an OpenID Provider without TLS on this machine only, and lets its users read only unless it says more', () => {
    const local = { ...PROVIDER, issuer: 'http://localhost:8080' };
    const settings = readSettings({ ...COMPLETE, WAYBILL_OPENID_PROVIDERS: JSON.stringify([local]) });
    expect(settings.WAYBILL_OPENID_PROVIDERS).toEqual([
      { ...local, scope: 'openid', tenantClaim: 'tenant', actorClaim: 'sub' },
    ]);
  });

  it('lists everything that is missing at once', () => {
    const message = messageOf({});
    for (const name of Object.keys(COMPLETE)) expect(message).toContain(`${name} is not set`);
  });

  it('never shows a secret, not even a wrong one', () => {
    const message = messageOf({
      ...COMPLETE,
      WAYBILL_LEDGER_URL: 'mysql://u:hunter2@h/d',
      WAYBILL_TOKEN_SECRET: 'hunter3',
      WAYBILL_OPENID_PROVIDERS: '[{"name":"a","clientSecret":"hunter4"}]',
    });
    expect(message).not.toMatch(/hunter/);
  });

  it('refuses the local secrets in production, and takes them locally', () => {
    const demo = { ...COMPLETE, WAYBILL_OBJECTS_SECRET_KEY: 'minioadmin' };
    expect(messageOf(demo)).toContain('WAYBILL_OBJECTS_SECRET_KEY holds a secret of the local stack');
    expect(readSettings({ ...demo, WAYBILL_ENV: 'local' }).WAYBILL_OBJECTS_SECRET_KEY).toBe('minioadmin');
  });

  it('reads secrets from files', () => {
    const folder = mkdtempSync(join(tmpdir(), 'settings-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'link');
    writeFileSync(file, `${'f'.repeat(20)}\n`);
    const { WAYBILL_LINK_SECRET: _, ...rest } = COMPLETE;
    expect(readSettings({ ...rest, WAYBILL_LINK_SECRET_FILE: file }).WAYBILL_LINK_SECRET).toBe('f'.repeat(20));
    expect(messageOf({ ...rest, WAYBILL_LINK_SECRET_FILE: join(folder, 'none') })).toContain('a file that can be read');
  });
});

describe('readSomeSettings', () => {
  it('asks for no others, and reads these as readSettings does', () => {
    const names = ['WAYBILL_LEDGER_URL', 'WAYBILL_KEEP_DAYS'] as const;
    const url = 'postgres://waybill:pass-word-of-ledger@127.0.0.1/ledger';
    expect(readSomeSettings({ WAYBILL_LEDGER_URL: url }, names)).toEqual({
      WAYBILL_LEDGER_URL: url,
      WAYBILL_KEEP_DAYS: 30,
    });
    expect(() => readSomeSettings({ WAYBILL_KEEP_DAYS: '0' }, names)).toThrow(
      /WAYBILL_LEDGER_URL[\s\S]*WAYBILL_KEEP_DAYS/,
    );
  });
});
