import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Fetchable, type FetchContext, fetchIntoCache, findCached, type Recipe } from './fetch.ts';

let cache: string;
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'waybill-cache-'));
});
afterEach(() => rm(cache, { recursive: true }));

async function write({ directory }: FetchContext, name = 'tool'): Promise<void> {
  await writeFile(join(directory, name), '#!/bin/sh\n');
  await chmod(join(directory, name), 0o755);
}

const recipe = (version: string, fetch: Recipe['fetch']): Recipe => ({ version, title: `recipe ${version}`, fetch });
const program = (...recipes: readonly Recipe[]): Fetchable => ({ executable: 'tool', beside: [], recipes });
const failing = recipe('0', () => Promise.reject(new Error('the host cannot be reached')));
const working = recipe('1', (context) => write(context));

function fetchIt(wanted: Fetchable, signal = new AbortController().signal) {
  const reported: string[] = [];
  const path = fetchIntoCache(wanted, { cache, environment: {}, report: (line) => reported.push(line), signal });
  return { path, reported };
}

describe('fetchIntoCache', () => {
  it('goes on to the next recipe, and says why', async () => {
    const { path, reported } = fetchIt(program(failing, working));
    expect(await path).toBe(join(cache, 'tool-1', 'tool'));
    expect(reported).toEqual([
      'tool: recipe 0',
      'tool: the host cannot be reached',
      'tool: recipe 1',
      'tool: now in the cache',
    ]);
  });

  it('says what every recipe failed with, and leaves nothing', async () => {
    const empty = recipe('2', async () => undefined);
    await expect(fetchIt(program(failing, empty)).path).rejects.toThrow(
      /recipe 0: the host cannot be reached\n.*recipe 2: what was fetched holds no executable tool/,
    );
    expect(await readdir(cache)).toEqual([]);
  });

  it('shows an entry only once it is whole', async () => {
    let seen: string | undefined = 'not looked';
    const slow = recipe('1', async (context) => {
      await write(context);
      seen = await findCached(program(slow), cache);
    });
    await fetchIt(program(slow)).path;
    expect(seen).toBeUndefined();
  });

  it('agrees with another fetch at the same time, and keeps the entry of the first', async () => {
    const both = Promise.withResolvers<void>();
    let fetches = 0;
    const together = recipe('1', async (context) => {
      fetches += 1;
      await writeFile(join(context.directory, `fetch-${fetches}`), '');
      await write(context);
      if (fetches === 2) both.resolve();
      await both.promise;
    });
    const paths = await Promise.all([fetchIt(program(together)).path, fetchIt(program(together)).path]);
    expect(paths).toEqual([join(cache, 'tool-1', 'tool'), join(cache, 'tool-1', 'tool')]);
    expect(await readdir(cache)).toEqual(['tool-1']);
    expect(await readdir(join(cache, 'tool-1'))).toHaveLength(2);
  });

  it('replaces an entry that has lost its executable', async () => {
    await fetchIt(program(working)).path;
    await rm(join(cache, 'tool-1', 'tool'));
    await writeFile(join(cache, 'tool-1', 'other'), '');
    expect(await fetchIt(program(working)).path).toBe(join(cache, 'tool-1', 'tool'));
  });

  it('does not try the next recipe after an abort', async () => {
    const giveUp = new AbortController();
    const interrupted = recipe('0', async () => {
      giveUp.abort(new Error('Interrupted.'));
      throw new Error('broken off');
    });
    await expect(fetchIt(program(interrupted, working), giveUp.signal).path).rejects.toThrow('Interrupted.');
    expect(await readdir(cache)).toEqual([]);
  });
});
