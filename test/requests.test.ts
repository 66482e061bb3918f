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
    console.log(entries.get('README.txt')?.toString());
    console.log(entries.get('Jobs--2016-01-01-2016-12-31.csv')?.toString().slice(0, 900));
  });

  test('as JSON is an array of arrays with the header first', async () => {
    const id = await client.submit({ ...YEAR, realm: 'jobs', format: 'json' });
    await client.until(id, 'Available', 'Failed');
    const { entries } = await client.download(id);
    const text = entries.get('Jobs--2016-01-01-2016-12-31.json')?.toString() ?? '';
    console.log(text.slice(0, 900));
    const rows = JSON.parse(text) as unknown[][];
    expect(rows[0]?.slice(0, 2)).toEqual(['Job Record ID', 'Local Job ID']);
  });
});
