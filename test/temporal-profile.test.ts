import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryFolder } from './cleanup.ts';
import { startOwnServices, useStack } from './context.ts';
import { ALWAYS, createOnDemandClient } from './on-demand-client.ts';
import { openTemporal } from './temporal.ts';

const API_KEY = 'key-of-a-profile-that-nobody-may-log';

it('the API and a worker connect through a Temporal profile, and do not log its key', async () => {
  const file = join(await temporaryFolder(), 'temporal.toml');
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
  const temporal = await openTemporal({ ...settings, WAYBILL_TEMPORAL_NAMESPACE: namespace });
  const client = createOnDemandClient(services.url, 'acme');
  const id = await client.order({ ...ALWAYS, exportType: 'LEARNING_ACTIVITIES', format: 'CSV' });
  expect(await client.ended(id)).toMatchObject({ state: 'completed' });
  const { count } = await temporal.client.workflow.count(
    `WaybillTenant = 'acme' and WaybillDataset = 'LEARNING_ACTIVITIES'`,
  );
  expect(count).toBeGreaterThan(0);
  await services.stop();
  expect(services.lines.length).toBeGreaterThan(0);
  expect(services.lines.join('\n')).not.toContain(API_KEY);
});
