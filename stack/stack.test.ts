import { expect, it } from 'vitest';
import { serviceEnvironment } from './stack.ts';

it("lets nothing around the stack replace the stack's settings, and keeps the rest", () => {
  const around = {
    PATH: '/bin',
    WAYBILL_LEDGER_URL: 'postgres://elsewhere',
    WAYBILL_LEDGER_URL_FILE: '/run/secrets/ledger',
    WAYBILL_KEEP_DAYS: '7',
  };
  expect(serviceEnvironment(around, { WAYBILL_LEDGER_URL: 'postgres://here' })).toEqual({
    PATH: '/bin',
    WAYBILL_LEDGER_URL: 'postgres://here',
    WAYBILL_KEEP_DAYS: '7',
  });
});
