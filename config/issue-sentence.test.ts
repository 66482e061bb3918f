import { expect, test } from 'vitest';
import { readSettings } from './settings.ts';

test.each([
  [{}, 'WAYBILL_CATALOG is not set, and has no default'],
  [{ WAYBILL_API_PORT: 'abc' }, 'WAYBILL_API_PORT holds "abc": should be a number'],
  [{ WAYBILL_API_PORT: '80.5' }, 'WAYBILL_API_PORT holds "80.5": should be a whole number'],
  [{ WAYBILL_API_PORT: '70000' }, 'WAYBILL_API_PORT holds "70000": should be at most 65535'],
  [{ WAYBILL_LINK_SECONDS: '0' }, 'WAYBILL_LINK_SECONDS holds "0": should be at least 1'],
  [{ WAYBILL_ENV: 'test' }, 'WAYBILL_ENV holds "test": should be one of local, production'],
  [{ WAYBILL_TOKEN_SECRET: 'short' }, 'WAYBILL_TOKEN_SECRET holds a secret: should have at least 16 characters'],
  [
    { WAYBILL_TOKEN_ISSUERS: '[{"issuer":"https://a.example","jwksUrl":"https://a.example"}]' },
    '[0].audience should be a text',
  ],
  [{ WAYBILL_TOKEN_ISSUERS: '{}' }, 'holds "{}": should be a JSON array'],
])('%j: %s', (environment, sentence) => {
  expect(() => readSettings(environment)).toThrow(sentence);
});
