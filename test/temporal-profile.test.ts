import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { startOwnServices, useStack } from './context.ts';
import { ALWAYS, createDoorClient } from './door.ts';
import { openTemporal } from './temporal.ts';

const API_KEY = 'key-of-a-profile-that-nobody-may-log';

it('the API and a worker connect through a profile of the operator, and do not log its key', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'waybill-profile-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const file = join(directory, 'temporal.toml');
  const { settings } = useStack();
  const namespace = `profile-${Date.now()}`;
  await writeFile(
    file,
    `[profile.exports]
address = "${settings.WAYBILL_TEMPORAL_ADDRESS}"
namespace = "${namespace}"
api_key = "${API_KEY}"
[profile.exports.tls]
disabled = true
`,
  );
  const services = await startOwnServices({
    WAYBILL_LOG_LEVEL: 'trace',
    // Empty is not set.
    WAYBILL_TEMPORAL_ADDRESS: '',
    WAYBILL_TEMPORAL_NAMESPACE: '',
    WAYBILL_TEMPORAL_TLS: '',
    TEMPORAL_CONFIG_FILE: file,
    TEMPORAL_PROFILE: 'exports',
  });
  const eye = await openTemporal({ ...settings, WAYBILL_TEMPORAL_NAMESPACE: namespace });
  try {
    const door = createDoorClient(services.url, 'acme');
    const id = await door.order({ ...ALWAYS, exportType: 'LEARNING_ACTIVITIES', format: 'CSV' });
    expect(await door.ended(id)).toMatchObject({ state: 'completed' });
    const { count } = await eye.client.workflow.count(
      `WaybillTenant = 'acme' and WaybillDataset = 'LEARNING_ACTIVITIES'`,
    );
    expect(count).toBeGreaterThan(0);
  } finally {
    await eye.close();
    await services.stop();
  }
  expect(services.lines.length).toBeGreaterThan(0);
  expect(services.lines.join('\n')).not.toContain(API_KEY);
});
