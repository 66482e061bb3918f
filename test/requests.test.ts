import { describe, expect, test } from 'vitest';
import { startOwnServices } from './context.ts';
import { createRequestsClient, YEAR } from './requests-client.ts';

const services = await startOwnServices({ WAYBILL_RECONCILE_SECONDS: '31536000' });
const client = createRequestsClient(services.url);

describe('a request', () => {
  test('is submitted, available, and a zip with the data and a README', async () => {
    const id = await client.submit();
    const available = await client.until(id, 'Available', 'Failed');
    expect(available).toMatchObject({ state: 'Available', realm: 'Jobs', export_succeeded: 1, export_expired: 0 });
    const { entries, disposition } = await client.download(id);
    expect(disposition).toContain('filename="Jobs--2016-01-01-2016-12-31.zip"');
    expect([...entries.keys()]).toEqual(['Jobs--2016-01-01-2016-12-31.csv', 'README.txt']);
    const readme = entries.get('README.txt')?.toString().split('\n') ?? [];
    expect(readme.slice(0, 3)).toEqual([
      ...['Jobs, 2016-01-01 to 2016-12-31, both days included (UTC)', ''],
      'Job Record ID: Number of the record',
    ]);
    expect(readme).toContain('System Username (Deidentified): Account on the resource');
    const [header = '', ...rows] = entries.get('Jobs--2016-01-01-2016-12-31.csv')?.toString().trim().split('\n') ?? [];
    expect(header.split(',')).toEqual(readme.slice(2, -1).map((line) => line.split(': ')[0]));
    expect(rows.length).toBeGreaterThan(10);
    for (const row of rows) expect(row).toMatch(/^\d+,\d+,(?:\w+|"mae, west"),\w+,[0-9a-f]{64},[0-9a-f]{64},/);
    expect((await client.show(id))?.downloaded_datetime).toMatch(/^\d{4}-/);
  });

  test('as JSON is an array of arrays with the header first', async () => {
    const id = await client.submit({ ...YEAR, realm: 'jobs', format: 'json' });
    await client.until(id, 'Available', 'Failed');
    const { entries } = await client.download(id);
    const text = entries.get('Jobs--2016-01-01-2016-12-31.json')?.toString() ?? '';
    const rows = JSON.parse(text) as unknown[][];
    expect(rows[0]?.slice(0, 2)).toEqual(['Job Record ID', 'Local Job ID']);
  });
});
