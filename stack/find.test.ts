import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findProgram } from './find.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'waybill-find-'));
});
afterEach(() => rm(root, { recursive: true }));

/** Makes an executable below the root. @param ends its exit code */
async function executable(path: string, ends = 0): Promise<string> {
  const file = join(root, path);
  await mkdir(join(file, '..'), { recursive: true });
  await writeFile(file, `#!/bin/sh\nexit ${ends}\n`);
  await chmod(file, 0o755);
  return file;
}

const at = (...directories: readonly string[]) => ({
  PATH: [...directories.map((directory) => join(root, directory)), '/usr/bin', '/bin'].join(delimiter),
  XDG_CACHE_HOME: join(root, 'cache'),
});

describe('findProgram', () => {
  it('prefers the setting to PATH, and PATH to the cache', async () => {
    const cached = await executable('cache/waybill/temporal-1.9.1/temporal');
    expect(await findProgram('temporal', at('bin'))).toMatchObject({ origin: 'cache', path: cached });
    const onPath = await executable('bin/temporal');
    expect(await findProgram('temporal', at('bin'))).toMatchObject({ origin: 'PATH', path: onPath });
    const set = await executable('elsewhere/temporal');
    expect(await findProgram('temporal', { ...at('bin'), WAYBILL_STACK_TEMPORAL_BIN: set })).toMatchObject({
      ...{ origin: 'setting', path: set },
    });
  });

  it('finds nothing where there is nothing', async () => {
    expect(await findProgram('temporal', { PATH: root, XDG_CACHE_HOME: root })).toBeUndefined();
  });

  it('says which setting names what cannot be run', async () => {
    const alone = await executable('bin/postgres');
    const environment = { ...at(), WAYBILL_STACK_POSTGRES_BIN: alone };
    await expect(findProgram('postgres', environment)).rejects.toThrow(
      `WAYBILL_STACK_POSTGRES_BIN holds "${alone}": should name an executable postgres with initdb beside it`,
    );
  });

  it('passes over a postgres on PATH without initdb, and one that does not run', async () => {
    await executable('alone/postgres');
    await executable('broken/postgres', 1);
    await executable('broken/initdb');
    const good = await executable('good/postgres');
    await executable('good/initdb');
    expect(await findProgram('postgres', at('alone', 'broken', 'good'))).toMatchObject({ origin: 'PATH', path: good });
  });

  it('finds the packages of this repository as what they are, although npm puts them on PATH', async () => {
    const npm = { PATH: `${join(import.meta.dirname, '../node_modules/.bin')}${delimiter}/usr/bin${delimiter}/bin` };
    expect(await findProgram('maildev', npm)).toMatchObject({ origin: 'node_modules' });
  });
});
