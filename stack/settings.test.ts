import { describe, expect, it } from 'vitest';
import { binSetting, readStackSettings } from './settings.ts';

describe('readStackSettings', () => {
  it('has the documented ports by default', () => {
    expect(readStackSettings({}).ports).toMatchObject({
      ...{ api: 8080, temporal: 7233, temporalUi: 8233, objects: 9000, objectsConsole: 9001 },
      ...{ postgres: 5433, smtp: 1025, mail: 1080 },
    });
  });

  it.each([
    ['WAYBILL_STACK_API_PORT', '80'],
    ['WAYBILL_STACK_MAIL_PORT', '65536'],
    ['WAYBILL_STACK_OBJECTS_PORT', 'http'],
    ['WAYBILL_STACK_SAMPLE_SCALE', '0'],
  ])('refuses %s=%s by name and value', (name, value) => {
    expect(() => readStackSettings({ [name]: value })).toThrow(`${name} holds "${value}"`);
  });

  it('takes an empty setting for one that is not set', () => {
    expect(readStackSettings({ WAYBILL_STACK_API_PORT: '' }).ports.api).toBe(8080);
  });
});

it('names the executable of each program by a setting', () => {
  expect(binSetting('temporal-test-server')).toBe('WAYBILL_STACK_TEMPORAL_TEST_SERVER_BIN');
});
