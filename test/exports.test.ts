import { createHash } from 'node:crypto';
import { zstdDecompressSync } from 'node:zlib';
import { Decrypter } from 'age-encryption';
import { describe, expect, it } from 'vitest';
import { exportPrefix, manifestKey } from '../contracts/keys.ts';
import { generateKey } from '../streams/age/keys.ts';
import { keysBelow, openBucket } from './bucket.ts';
import { useStack } from './context.ts';
import { ALWAYS, createDoorClient } from './door.ts';
import { readWithDuckDb } from './read-back.ts';

const stack = useStack();
const door = createDoorClient(stack.urls.api, 'dreambuilder');
const bucket = openBucket();

describe('an on-demand export', () => {
  it('is the rows of the tenant, as CSV that reads back', async () => {
    const id = await door.order({ ...ALWAYS, exportType: 'USERS', format: 'CSV' });
    const view = await door.ended(id);
    expect(view).toMatchObject({ state: 'completed', status: 'COMPLETED', failure: null });
    expect(view.progress).toMatchObject({ percent: 100, final: true });
    const manifest = await door.described(id);
    const rows = await readWithDuckDb(await door.file(id), 'csv');
    expect(rows).toHaveLength(manifest.rows);
    expect(manifest.rows).toBeGreaterThan(0);
    expect(Object.keys(rows[0] ?? {})).toEqual(manifest.columns.map(({ header }) => header));
  });

  it('has a manifest whose every part re-reads to its bytes and hash', async () => {
    const id = await door.order({ ...ALWAYS, exportType: 'NETWORKS', format: 'JSONL', compression: 'gzip' });
    await door.ended(id);
    const manifest = await door.described(id);
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
      const open = await door.order(order);
      const sealed = await door.order({ ...order, recipients: [recipient] });
      expect(sealed).not.toBe(open);
      await Promise.all([door.ended(open), door.ended(sealed)]);

      const plain = zstdDecompressSync(await door.file(open));
      const stored = await door.file(sealed);
      expect(stored.subarray(0, 21).toString()).toBe('age-encryption.org/v1');
      const decrypter = new Decrypter();
      decrypter.addIdentity(identity);
      expect(zstdDecompressSync(await decrypter.decrypt(stored)).equals(plain)).toBe(true);
      expect(zstdDecompressSync(await door.file(sealed, { 'x-private-key': identity })).equals(plain)).toBe(true);
      expect((await door.described(sealed)).parts[0]?.contentSha256).toBeNull();
    },
  );

  it('as Parquet is one file that reads back to the rows of the CSV, sealed or not', async () => {
    const { identity, recipient } = await generateKey({ postQuantum: false });
    const order = { ...ALWAYS, exportType: 'USERS', format: 'PARQUET' };
    const [csv, open, sealed] = await Promise.all([
      door.order({ ...order, format: 'CSV' }),
      door.order(order),
      door.order({ ...order, recipients: [recipient] }),
    ]);
    await Promise.all([csv, open, sealed].map((id) => door.ended(id)));
    const { parts, columns, file, rows } = await door.described(open);
    expect([parts.length, file]).toEqual([1, 'users.parquet']);
    const answer = await door.request('GET', `/exports/${open}/file`);
    expect(answer.headers.get('content-type')).toBe('application/vnd.apache.parquet');
    const stored = Buffer.from(await answer.arrayBuffer());
    const read = await readWithDuckDb(stored, 'parquet');
    expect(read).toHaveLength(rows);
    expect(Object.keys(read[0] ?? {})).toEqual(columns.map(({ name }) => name));
    const texts = await readWithDuckDb(await door.file(csv), 'csv');
    const [header = '', name = ''] = [columns[0]?.header, columns[0]?.name];
    expect(read.map((row) => String(row[name])).toSorted()).toEqual(texts.map((row) => row[header]).toSorted());
    const opened = await door.file(sealed, { 'x-private-key': identity });
    expect(await readWithDuckDb(opened, 'parquet')).toHaveLength(rows);
  });

  it('of an empty window is a file with a header and no rows', async () => {
    const id = await door.order({ startDate: '1800-01-01', endDate: '1800-01-02', exportType: 'USERS', format: 'CSV' });
    await door.ended(id);
    const manifest = await door.described(id);
    expect(manifest.rows).toBe(0);
    expect((await door.file(id)).toString()).toBe(`${manifest.columns.map(({ header }) => header).join(',')}\n`);
  });

  it('takes a subset of columns in the order asked for, and CSV options', async () => {
    const all = await door.order({ ...ALWAYS, exportType: 'NETWORKS', format: 'CSV' });
    await door.ended(all);
    const names = (await door.described(all)).columns
      .map(({ name }) => name)
      .slice(0, 2)
      .reverse();
    const csv = { header: false, delimiter: ';', bom: true };
    const id = await door.order({ ...ALWAYS, exportType: 'NETWORKS', format: 'CSV', columns: names, csv });
    await door.ended(id);
    expect((await door.described(id)).columns.map(({ name }) => name)).toEqual(names);
    const file = await door.file(id);
    expect([...file.subarray(0, 3)]).toEqual([0xef, 0xbb, 0xbf]);
    expect(file.toString().split('\n')[0]?.split(';')).toHaveLength(2);
  });

  it('runs anew right after it was cancelled', async () => {
    const order = { ...ALWAYS, exportType: 'FLIGHTS', format: 'JSONL' };
    const cancelled = await door.order(order);
    expect((await door.request('DELETE', `/exports/${cancelled}`)).status).toBe(202);
    const next = await door.order(order);
    expect(next).not.toBe(cancelled);
    expect((await door.show(cancelled)).state).toBe('cancelled');
    await door.request('DELETE', `/exports/${next}`);
  });

  it('runs once for twins, and anew once it has ended', async () => {
    const order = { ...ALWAYS, exportType: 'FLIGHTS', format: 'CSV' };
    const [one, other] = await Promise.all([door.order(order), door.order(order)]);
    expect(other).toBe(one);
    await door.request('DELETE', `/exports/${one}`);
    await door.ended(one);
    const next = await door.order({ ...ALWAYS, exportType: 'NETWORKS', format: 'CSV' });
    await door.ended(next);
    expect(await door.order({ ...ALWAYS, exportType: 'NETWORKS', format: 'CSV' })).not.toBe(next);
  });
});

describe('tenants', () => {
  const acme = createDoorClient(stack.urls.api, 'acme');

  it('get their own rows of every dataset, and nobody else sees the export', async () => {
    const order = { ...ALWAYS, exportType: 'USERS', format: 'JSONL' };
    const [mine, theirs] = await Promise.all([door.order(order), acme.order(order)]);
    await Promise.all([door.ended(mine), acme.ended(theirs)]);
    const ids = async (client: typeof door, id: string) =>
      new Set((await client.file(id)).toString().split('\n').filter(Boolean));
    const [ours, others] = [await ids(door, mine), await ids(acme, theirs)];
    expect(ours.size).toBeGreaterThan(0);
    expect(others.size).toBeGreaterThan(0);
    expect(ours.isDisjointFrom(others)).toBe(true);
    for (const path of ['', '/file', '/manifest', '/events']) {
      expect((await acme.request('GET', `/exports/${mine}${path}`)).status).toBe(404);
    }
    expect((await acme.request('DELETE', `/exports/${mine}`)).status).toBe(404);
    expect((await door.show(mine)).state).toBe('completed');
  });
});
