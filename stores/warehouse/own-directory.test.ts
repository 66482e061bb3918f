import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { makeOwnDirectory } from './own-directory.ts';

let parent: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'waybill-own-'));
});
afterEach(() => rm(parent, { recursive: true, force: true }));

/** Another process that has a directory with a file in it. */
async function startOwner() {
  const module = new URL('./own-directory.ts', import.meta.url).href;
  const script = `
    import { writeFileSync } from 'node:fs';
    const { makeOwnDirectory } = await import(${JSON.stringify(module)});
    const { path } = await makeOwnDirectory(${JSON.stringify(parent)});
    writeFileSync(path + '/spilled', 'rows');
    console.log(path);
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [path] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  return {
    path,
    signal: (signal: NodeJS.Signals) => child.kill(signal),
    async kill() {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

it('is readable by its owner alone, and gone once it is removed', async () => {
  const own = await makeOwnDirectory(join(parent, 'made', 'when', 'missing'));
  expect((await stat(own.path)).mode & 0o777).toBe(0o700);
  await writeFile(join(own.path, 'file'), 'x');
  await own.remove();
  await expect(stat(own.path)).rejects.toMatchObject({ code: 'ENOENT' });
});

it('of a killed process is removed by the next one, that of a living or frozen one is not', async () => {
  const [killed, living] = [await startOwner(), await startOwner()];
  try {
    await killed.kill();
    living.signal('SIGSTOP');
    const own = await makeOwnDirectory(parent);
    expect((await readdir(parent)).map((name) => join(parent, name)).sort()).toEqual([own.path, living.path].sort());
    expect(await readdir(living.path)).toContain('spilled');
    await own.remove();
  } finally {
    await living.kill();
  }
});

it('of somebody else, or one that is just being made, is left alone', async () => {
  await mkdir(join(parent, 'waybill-warehouse-new'));
  await mkdir(join(parent, 'other'));
  await writeFile(join(parent, 'waybill-warehouse-file'), 'x');
  const own = await makeOwnDirectory(parent);
  await own.remove();
  expect((await readdir(parent)).sort()).toEqual(['other', 'waybill-warehouse-file', 'waybill-warehouse-new']);
});

it('also works where its path is too long for a socket', async () => {
  const own = await makeOwnDirectory(join(parent, 'x'.repeat(120)));
  expect((await stat(own.path)).isDirectory()).toBe(true);
  await own.remove();
});
