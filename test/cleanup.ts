import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished, TestRunner } from 'vitest';

/** Resources that were opened outside a test, oldest first. */
const opened: (() => Promise<void>)[] = [];

/**
 * Closes a resource at the end of the current test or, if it was opened outside a test, of the test file. What was opened
 * last is closed first.
 *
 * @returns closes it earlier; further calls do nothing
 */
export function closeAtEnd(close: () => unknown): () => Promise<void> {
  let closing: Promise<void> | undefined;
  const closeOnce = () => {
    closing ??= (async () => void (await close()))();
    return closing;
  };
  if (TestRunner.getCurrentTest()) onTestFinished(closeOnce);
  else opened.push(closeOnce);
  return closeOnce;
}

/** Closes everything that was opened outside a test. test/set-up.ts calls it after each test file. */
export async function closeAll(): Promise<void> {
  for (const close of opened.splice(0).reverse()) await close();
}

/** Creates a directory that is removed at the end. As root, PostgreSQL runs as another user, who has to reach its data in it. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'waybill-test-'));
  closeAtEnd(() => rm(folder, { recursive: true, force: true }));
  await chmod(folder, 0o711);
  return folder;
}

/** Writes a catalog into a temporary folder. @returns the settings that select it, without any start-up SQL */
export async function writeCatalog(yaml: string) {
  const path = join(await temporaryFolder(), 'catalog.yaml');
  await writeFile(path, yaml);
  return { WAYBILL_CATALOG: path, WAYBILL_WAREHOUSE_SQL: 'SELECT 1' };
}
