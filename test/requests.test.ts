import { describe, expect, test } from 'vitest';
import { startOwnServices } from './context.ts';
import { type Answer, createRequestsClient, YEAR } from './requests-client.ts';

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

  test.each([
    ['XLSX', 'xlsx', 'PK\u0003\u0004'],
    ['parquet', 'parquet', 'PAR1'],
    ['SAV', 'sav', '$FL2'],
    ['zsav', 'zsav', '$FL3'],
    ['DTA', 'dta', '<sta'],
  ])('as %s is one file of that kind', async (format, extension, magic) => {
    const id = await client.submit({ format });
    const row = await client.until(id, 'Available', 'Failed');
    expect(row).toMatchObject({ state: 'Available', export_file_format: format.toUpperCase() });
    const { entries } = await client.download(id);
    const file = entries.get(`Jobs--2016-01-01-2016-12-31.${extension}`);
    expect(file?.toString('latin1').slice(0, 4)).toBe(magic);
  });

  test('with a filter has the rows that meet it, and says so in the README', async () => {
    const all = await client.submit({ realm: 'Storage', format: 'JSON' });
    const filter = JSON.stringify([{ column: 'file_count', op: 'range', from: 1, to: 2_500_000 }]);
    const options = { csv_preset: 'excel', time_zone: 'Asia/Tokyo' };
    const response = await client.post({ ...YEAR, realm: 'Storage', filter, ...options });
    const id = ((await response.json()) as Answer).data[0]?.id ?? 0;
    for (const number of [all, id]) await client.until(number, 'Available', 'Failed');
    const whole = (await client.download(all)).entries.get('Storage--2016-01-01-2016-12-31.json')?.toString() ?? '[]';
    const { entries } = await client.download(id);
    const some = entries.get('Storage--2016-01-01-2016-12-31.csv')?.toString() ?? '';
    const [header = [], ...rows] = JSON.parse(whole) as unknown[][];
    const counts = rows.map((row) => Number(row[header.indexOf('File Count')]));
    const wanted = counts.filter((count) => count >= 1 && count <= 2_500_000);
    expect(wanted.length).toBeGreaterThan(0);
    expect(wanted.length).toBeLessThan(counts.length);
    const [, ...lines] = some.trimEnd().split('\r\n');
    const found = lines.map((line) => Number(line.split(';')[header.indexOf('File Count')]));
    expect(found.toSorted()).toEqual(wanted.toSorted());
    expect(some).toContain('+09:00');
    expect(entries.get('README.txt')?.toString()).toContain(
      'Only rows with file_count from 1 to 2500000, both included\nTimes are those of Asia/Tokyo\n',
    );
  });
});
