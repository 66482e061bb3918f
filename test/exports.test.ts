import { createHash } from 'node:crypto';
import { zstdDecompressSync } from 'node:zlib';
import { Decrypter } from 'age-encryption';
import { describe, expect, it } from 'vitest';
import { manifestKey } from '../contracts/keys.ts';
import { generateKey } from '../streams/age/keys.ts';
import { keysBelow, openBucket } from './bucket.ts';
import { useStack } from './context.ts';
import { exportPrefix } from './keys.ts';
import { ALWAYS, createOnDemandClient, type OnDemandClient } from './on-demand-client.ts';
import { readWithDuckDb } from './read-back.ts';

const stack = useStack();
const client = createOnDemandClient(stack.urls.api, 'dreambuilder');
const bucket = openBucket();

describe('an on-demand export', () => {
  it('has the rows of the tenant, as CSV that can be read', async () => {
    const id = await client.order({ ...ALWAYS, exportType: 'USERS', format: 'CSV' });
    const view = await client.ended(id);
    expect(view).toMatchObject({ state: 'completed', status: 'COMPLETED', failure: null });
    expect(view.progress).toMatchObject({ percent: 100, final: true });
    const manifest = await client.described(id);
    const rows = await readWithDuckDb(await client.file(id), 'csv');
    expect(rows).toHaveLength(manifest.rows);
    expect(manifest.rows).toBeGreaterThan(0);
    expect(Object.keys(rows[0] ?? {})).toEqual(manifest.columns.map(({ header }) => header));
  });

  it('has a manifest whose every part re-reads to its bytes and hash', async () => {
    const id = await client.order({ ...ALWAYS, exportType: 'NETWORKS', format: 'JSONL', compression: 'gzip' });
    await client.ended(id);
    const manifest = await client.described(id);
    const prefix = exportPrefix('dreambuilder', id);
    for (const part of manifest.parts) {
      const stored = await bucket.get(prefix + part.name);
      expect(stored?.byteLength).toBe(part.bytes);
      expect(
        createHash('sha256')
          .update(stored ?? '')
          .digest('hex'),
      ).toBe(part.sha256);
    }
    expect(await keysBelow(bucket, prefix)).toEqual(
      [manifestKey(prefix), ...manifest.parts.map(({ name }) => prefix + name)].sort(),
    );
  });

  it.each([false, true])(
    'sealed (post-quantum: %s) opens with the key alone, by another program too',
    async (postQuantum) => {
      const { identity, recipient } = await generateKey({ postQuantum });
      const order = { ...ALWAYS, exportType: 'USERS', format: 'JSONL', compression: 'zstd' };
      const open = await client.order(order);
      const sealed = await client.order({ ...order, recipients: [recipient] });
      expect(sealed).not.toBe(open);
      await Promise.all([client.ended(open), client.ended(sealed)]);

      const plain = zstdDecompressSync(await client.file(open));
      const stored = await client.file(sealed);
      expect(stored.subarray(0, 21).toString()).toBe('age-encryption.org/v1');
      const decrypter = new Decrypter();
      decrypter.addIdentity(identity);
      expect(zstdDecompressSync(await decrypter.decrypt(stored)).equals(plain)).toBe(true);
      expect(zstdDecompressSync(await client.file(sealed, { 'x-private-key': identity })).equals(plain)).toBe(true);
      expect((await client.described(sealed)).parts[0]?.contentSha256).toBeNull();
    },
  );

  it('as Parquet is one file that reads back to the rows of the CSV, sealed or not', async () => {
    const { identity, recipient } = await generateKey({ postQuantum: false });
    const order = { ...ALWAYS, exportType: 'USERS', format: 'PARQUET' };
    const [csv, open, sealed] = await Promise.all([
      client.order({ ...order, format: 'CSV' }),
      client.order(order),
      client.order({ ...order, recipients: [recipient] }),
    ]);
    await Promise.all([csv, open, sealed].map((id) => client.ended(id)));
    const { parts, columns, file, rows } = await client.described(open);
    expect([parts.length, file]).toEqual([1, 'users.parquet']);
    const answer = await client.request('GET', `/exports/${open}/file`);
    expect(answer.headers.get('content-type')).toBe('application/vnd.apache.parquet');
    const stored = Buffer.from(await answer.arrayBuffer());
    const read = await readWithDuckDb(stored, 'parquet');
    expect(read).toHaveLength(rows);
    expect(Object.keys(read[0] ?? {})).toEqual(columns.map(({ name }) => name));
    const texts = await readWithDuckDb(await client.file(csv), 'csv');
    const [header = '', name = ''] = [columns[0]?.header, columns[0]?.name];
    expect(read.map((row) => String(row[name])).toSorted()).toEqual(texts.map((row) => row[header]).toSorted());
    const opened = await client.file(sealed, { 'x-private-key': identity });
    expect(await readWithDuckDb(opened, 'parquet')).toHaveLength(rows);
  });

  it('as XLSX is one workbook with the rows of a filter, sealed or not', async () => {
    const { identity, recipient } = await generateKey({ postQuantum: false });
    const whole = await client.order({ ...ALWAYS, exportType: 'USERS', format: 'CSV' });
    await client.ended(whole);
    const [first] = (await client.described(whole)).columns;
    const rowsOfCsv = await readWithDuckDb(await client.file(whole), 'csv');
    const value = String(rowsOfCsv[0]?.[first?.header ?? '']);
    const filter = [{ column: first?.name, op: 'in', values: [value] }];
    const order = { ...ALWAYS, exportType: 'USERS', format: 'XLSX', filter, timeZone: 'Asia/Tokyo' };
    const [open, sealed] = await Promise.all([
      client.order(order),
      client.order({ ...order, recipients: [recipient] }),
    ]);
    await Promise.all([open, sealed].map((id) => client.ended(id)));
    const described = await client.described(open);
    const expected = rowsOfCsv.filter((row) => String(row[first?.header ?? '']) === value).length;
    expect(described).toMatchObject({ rows: expected, file: 'users.xlsx', filter, timeZone: 'Asia/Tokyo' });
    expect(described.parts).toHaveLength(1);
    const answer = await client.request('GET', `/exports/${open}/file`);
    expect(answer.headers.get('content-type')).toBe(
      'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
    );
    const stored = Buffer.from(await answer.arrayBuffer());
    expect([stored.length, stored.subarray(0, 2).toString()]).toEqual([described.contentBytes, 'PK']);
    const opened = await client.file(sealed, { 'x-private-key': identity });
    expect(opened.subarray(0, 2).toString()).toBe('PK');
  });

  it('of an empty window is a file with a header and no rows', async () => {
    const id = await client.order({
      startDate: '1800-01-01',
      endDate: '1800-01-02',
      exportType: 'USERS',
      format: 'CSV',
    });
    await client.ended(id);
    const manifest = await client.described(id);
    expect(manifest.rows).toBe(0);
    expect((await client.file(id)).toString()).toBe(`${manifest.columns.map(({ header }) => header).join(',')}\n`);
  });

  it('has the requested columns in the requested order, with CSV options', async () => {
    const all = await client.order({ ...ALWAYS, exportType: 'NETWORKS', format: 'CSV' });
    await client.ended(all);
    const names = (await client.described(all)).columns
      .map(({ name }) => name)
      .slice(0, 2)
      .reverse();
    const csv = { header: false, delimiter: ';', bom: true };
    const id = await client.order({ ...ALWAYS, exportType: 'NETWORKS', format: 'CSV', columns: names, csv });
    await client.ended(id);
    expect((await client.described(id)).columns.map(({ name }) => name)).toEqual(names);
    const file = await client.file(id);
    expect([...file.subarray(0, 3)]).toEqual([0xef, 0xbb, 0xbf]);
    expect(file.toString().split('\n')[0]?.split(';')).toHaveLength(2);
  });

  it('can be ordered again right after it was cancelled', async () => {
    const order = { ...ALWAYS, exportType: 'FLIGHTS', format: 'JSONL' };
    const cancelled = await client.order(order);
    expect((await client.request('DELETE', `/exports/${cancelled}`)).status).toBe(202);
    const next = await client.order(order);
    expect(next).not.toBe(cancelled);
    expect((await client.show(cancelled)).state).toBe('cancelled');
    await client.request('DELETE', `/exports/${next}`);
  });

  it('runs once for simultaneous identical orders, and again for a later one', async () => {
    const order = { ...ALWAYS, exportType: 'FLIGHTS', format: 'CSV' };
    const [one, other] = await Promise.all([client.order(order), client.order(order)]);
    expect(other).toBe(one);
    await client.request('DELETE', `/exports/${one}`);
    await client.ended(one);
    const next = await client.order({ ...ALWAYS, exportType: 'NETWORKS', format: 'CSV' });
    await client.ended(next);
    expect(await client.order({ ...ALWAYS, exportType: 'NETWORKS', format: 'CSV' })).not.toBe(next);
  });
});

describe('tenants', () => {
  const acme = createOnDemandClient(stack.urls.api, 'acme');

  it('get only their own rows, and cannot see each other’s exports', async () => {
    const order = { ...ALWAYS, exportType: 'USERS', format: 'JSONL' };
    const [mine, theirs] = await Promise.all([client.order(order), acme.order(order)]);
    await Promise.all([client.ended(mine), acme.ended(theirs)]);
    const ids = async (owner: OnDemandClient, id: string) =>
      new Set((await owner.file(id)).toString().split('\n').filter(Boolean));
    const [ours, others] = [await ids(client, mine), await ids(acme, theirs)];
    expect(ours.size).toBeGreaterThan(0);
    expect(others.size).toBeGreaterThan(0);
    expect(ours.isDisjointFrom(others)).toBe(true);
    for (const path of ['', '/file', '/manifest', '/events']) {
      expect((await acme.request('GET', `/exports/${mine}${path}`)).status).toBe(404);
    }
    expect((await acme.request('DELETE', `/exports/${mine}`)).status).toBe(404);
    expect((await client.show(mine)).state).toBe('completed');
  });
});
