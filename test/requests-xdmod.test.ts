import { execa } from 'execa';
import { expect, test } from 'vitest';
import { pythonWith } from '../stack/python.ts';
import { useStack } from './context.ts';

/** What a user of the published client writes. */
const PROGRAM = `
import json, sys
from xdmod_data.warehouse import DataWarehouse
with DataWarehouse(sys.argv[1]) as warehouse:
    realms = warehouse.describe_raw_realms()
    fields = warehouse.describe_raw_fields('Jobs')
    print(json.dumps({
        'realms': realms['label'].to_dict(),
        'fields': {alias: [row['label'], row['description']] for alias, row in fields.iterrows()},
        'storage': len(warehouse.describe_raw_fields('Storage')),
    }))
`;

test('the published client xdmod-data, unmodified, lists realms and fields', async () => {
  const python = await pythonWith(['xdmod-data==1.1.0']);
  const { urls } = useStack();
  const environment = { XDMOD_API_TOKEN: 'dreambuilder-demo-secret' };
  const { stdout } = await execa(python, ['-c', PROGRAM, urls.api], { env: environment });
  const listed = JSON.parse(stdout) as { realms: object; fields: Record<string, string[]>; storage: number };
  expect(listed.realms).toEqual({ Jobs: 'Jobs', Cloud: 'Cloud', Storage: 'Storage' });
  expect(Object.keys(listed.fields)).toHaveLength(21);
  expect(listed.fields).toMatchObject({
    job_record_id: ['Job Record ID', 'Number of the record'],
    username: ['System Username (Deidentified)', 'Account on the resource'],
    performance: ['Performance', 'What was measured while the job ran; empty when nothing was'],
  });
  expect(listed.storage).toBe(9);
  const refused = await execa(python, ['-c', PROGRAM, urls.api], {
    env: { XDMOD_API_TOKEN: 'not-a-token' },
    reject: false,
  });
  expect(refused.stderr).toContain('Error 401: Make sure XDMOD_API_TOKEN is set to a valid API token.');
});
