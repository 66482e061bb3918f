import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { bundleWorkflowCode } from '@temporalio/worker';

const run = promisify(execFile);

const WORKFLOWS = fileURLToPath(new URL('../workflows/index.ts', import.meta.url));
const WRITE_BUNDLE = fileURLToPath(new URL('./write-bundle.ts', import.meta.url));

/**
 * Bundles the workflows for `WAYBILL_WORKFLOW_BUNDLE`, so that workers start faster. The bundle belongs to this version of the
 * source.
 *
 * @param path of the file to write; `-`: standard output
 */
export async function writeBundle(path: string): Promise<void> {
  const { code } = await bundleWorkflowCode({ workflowsPath: WORKFLOWS });
  if (path === '-') process.stdout.write(code);
  else await writeFile(path, code);
}

/** Bytes of a bundle at most. */
const BUNDLE_MAX = 64 * 2 ** 20;

/** Bundles the workflows in a process of its own, because the bundler leaves 190 MiB behind in the process that runs it. */
export async function bundleWorkflows(): Promise<{ readonly code: string }> {
  const { stdout } = await run(process.execPath, [WRITE_BUNDLE, '-'], { maxBuffer: BUNDLE_MAX });
  return { code: stdout };
}
