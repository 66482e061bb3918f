import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BIG, BIG_TABLE, column, dataset, EVERYTHING, never, order, useWarehouse } from './warehouse-fixture.ts';

const { read, scratch, warehouse } = await useWarehouse(BIG_TABLE);

const DESCRIPTORS = '/proc/self/fd';

/** @returns what a descriptor refers to; the one that read the directory is closed by now and refers to nothing */
function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

describe('a stream', () => {
  const ENDLESS = dataset({
    sql: "SELECT 'acme' AS tenant, i AS id FROM range(1000000000000) t(i)",
    columns: [column('id', 'integer')],
  });
  const LATE = dataset({
    sql: "SELECT 'acme' AS tenant, CASE WHEN i = 1500000 THEN error('a late row') ELSE i END AS id FROM range(2000000) t(i)",
    columns: [column('id', 'integer')],
  });
  /** Pipes that this process has open; always none where there is no /proc. */
  const pipes = () =>
    (existsSync(DESCRIPTORS) ? readdirSync(DESCRIPTORS) : [])
      .map((name) => linkOf(join(DESCRIPTORS, name)))
      .filter((path) => path.startsWith(scratch) && path.includes('/pipes/'));

  it('that fails at a late row never ends cleanly', async () => {
    const content = warehouse.read(LATE, order(), EVERYTHING, never);
    let bytes = 0;
    await expect(
      (async () => {
        for await (const chunk of content.chunks) bytes += chunk.length;
      })(),
    ).rejects.toMatchObject({ code: 'dataset_broken' });
    await expect(content.sum).rejects.toMatchObject({ code: 'dataset_broken' });
    expect(bytes).toBeGreaterThan(0);
    expect(pipes()).toEqual([]);
  });

  it.each(['before it is read', 'between two chunks', 'while the consumer waits'] as const)(
    'aborted %s rejects with the reason and leaves nothing',
    async (when) => {
      const abort = new AbortController();
      const reason = new Error('enough');
      const content = warehouse.read(
        when === 'while the consumer waits' ? { ...ENDLESS, sql: `${ENDLESS.sql} WHERE i < 0` } : ENDLESS,
        order({ csv: { ...order().csv, header: false } }),
        EVERYTHING,
        abort.signal,
      );
      const chunks = content.chunks[Symbol.asyncIterator]();
      if (when === 'before it is read') abort.abort(reason);
      else if (when === 'between two chunks') {
        await chunks.next();
        abort.abort(reason);
        // The query ends without anybody asking for the next chunk.
        await expect.poll(pipes, { timeout: 1000 }).toEqual([]);
      } else setImmediate(() => abort.abort(reason));
      await expect(chunks.next()).rejects.toBe(reason);
      await expect(content.sum).rejects.toBe(reason);
      expect(pipes()).toEqual([]);
    },
  );

  it('waits for a slow consumer, and leaves the chunk it holds alone', async () => {
    const { text } = await read(BIG, order());
    const chunks: Buffer[] = [];
    for await (const chunk of warehouse.read(BIG, order(), EVERYTHING, never).chunks) {
      const before = Buffer.from(chunk);
      for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      expect(before.equals(chunk)).toBe(true);
      chunks.push(before);
    }
    expect(text.length).toBeGreaterThan(4_000_000);
    expect(Buffer.concat(chunks).equals(Buffer.from(text))).toBe(true);
  });

  it('that the consumer leaves ends the query', async () => {
    const content = warehouse.read(ENDLESS, order(), EVERYTHING, never);
    for await (const chunk of content.chunks) if (chunk.length > 1000) break;
    await expect(content.sum).rejects.toThrow('not read to the end');
    expect(pipes()).toEqual([]);
  });

  it('does not wait for the others: six at once, the first consumer slowest', async () => {
    const contents = Array.from({ length: 6 }, () =>
      warehouse.read(BIG, order(), EVERYTHING, never).chunks[Symbol.asyncIterator](),
    );
    await Promise.all(contents.slice(0, 4).map((chunks) => chunks.next()));
    const counts = await Promise.all(
      contents.slice(1).map(async (chunks) => {
        let count = 0;
        for (let step = await chunks.next(); !step.done; step = await chunks.next()) count += step.value.length;
        return count;
      }),
    );
    expect(new Set(counts.slice(3)).size).toBe(1);
    await contents[0]?.return?.();
  });

  it('takes the same memory for thirty times the rows', async () => {
    const read = async (rows: number) => {
      const set = dataset({ ...ENDLESS, sql: `SELECT 'acme' AS tenant, i AS id FROM range(${rows}) t(i)` });
      let peak = 0;
      let bytes = 0;
      for await (const chunk of warehouse.read(set, order(), EVERYTHING, never).chunks) {
        bytes += chunk.length;
        peak = Math.max(peak, process.memoryUsage.rss());
      }
      return { bytes, peak };
    };
    const small = await read(500_000);
    const large = await read(15_000_000);
    expect(large.bytes).toBeGreaterThan(100_000_000);
    expect(large.peak - small.peak).toBeLessThan(30_000_000);
  }, 30_000);
});
