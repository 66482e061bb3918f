import { execFile } from 'node:child_process';
import { readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { temporaryFolder } from './cleanup.ts';
import { useStack } from './context.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Stands before the output of each block. */
const MARK = '----- block';

/**
 * `npx` would need the repository as its working directory. Without `pipefail`: `head` ends before what feeds it, which
 * may then die of its pipe.
 */
const PRELUDE = `set -eu
npx() { node "${root}/cli/\${1}.mjs" "\${@:2}"; }
`;

/** A page of the documentation, and its blocks of commands. */
export async function readPage(name: string) {
  const text = await readFile(join(root, name), 'utf8');
  return { text, blocks: [...text.matchAll(/^```bash\n(.*?)^```$/gms)].map((match) => match[1] ?? '') };
}

/** What stands in for the local stack that a page speaks of. */
export interface Servers {
  /** Base URL of the API. */
  readonly api: string;
  readonly sftpPort?: number;
  /** Further texts of the page, each with what the test has instead. Each must be there. */
  readonly instead?: Readonly<Record<string, string>>;
}

/** Pastes all blocks into one shell, in a directory of its own. @returns what each has written */
export async function runBlocks(
  blocks: readonly string[],
  { api, sftpPort = 2222, instead = {} }: Servers,
): Promise<readonly string[]> {
  let script = blocks
    .map((block) => `echo "${MARK}"\n${block}`)
    .join('\n')
    .replace('http://127.0.0.1:8080', api)
    .replaceAll(/(-P |port=|127\.0\.0\.1:)2222\b/g, `$1${sftpPort}`);
  for (const [text, other] of Object.entries(instead)) {
    if (!script.includes(text)) throw new Error(`the page does not have: ${text}`);
    script = script.replaceAll(text, () => other);
  }
  const cwd = await temporaryFolder();
  // For what the blocks write in JavaScript.
  await symlink(join(root, 'node_modules'), join(cwd, 'node_modules'));
  const { stdout } = await promisify(execFile)('bash', ['-c', PRELUDE + script], {
    cwd,
    env: useStack().environment,
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout.split(`${MARK}\n`).slice(1);
}
