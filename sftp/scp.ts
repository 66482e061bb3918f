import type { Outlet } from './outlet.ts';
import { READ_BYTES_MAX } from './packets.ts';
import type { SessionDeps } from './session.ts';
import { type Node, normalPath } from './tree.ts';

/** A command of `scp` that asks for files. */
export interface ScpCommand {
  readonly paths: readonly string[];
  /** `-r` */
  readonly isRecursive: boolean;
  /** `-p` */
  readonly keepsTimes: boolean;
}

/** A word: in single or double quotes, or without characters that mean something to a shell. */
const WORD = /^\s*(?:'([^']*)'|"([^"\\$`]*)"|([A-Za-z0-9_./,:=@%+~^-]+))(?=\s|$)/;
const CONTROL = /\p{Cc}/u;

/**
 * Reads `scp [-v] [-r] [-p] [-d] -f [--] path…`, the command that `scp -O` sends. There is no shell: quotes are taken off,
 * nothing is expanded.
 *
 * @returns `undefined` for anything else
 */
export function parseScp(command: string): ScpCommand | undefined {
  const words: string[] = [];
  let rest = command.trimEnd();
  while (rest.length > 0) {
    const match = WORD.exec(rest);
    if (!match) return undefined;
    words.push(match[1] ?? match[2] ?? match[3] ?? '');
    rest = rest.slice(match[0].length);
  }
  if (words.shift() !== 'scp') return undefined;
  const options = new Set<string>();
  while (words[0]?.startsWith('-')) {
    const word = words.shift() ?? '';
    if (word === '--') break;
    for (const option of word.slice(1)) options.add(option);
  }
  const isKnown = [...options].every((option) => 'frpvd'.includes(option)) && options.has('f');
  if (!isKnown || words.length === 0 || words.some((word) => word === '' || CONTROL.test(word))) return undefined;
  return { paths: words, isRecursive: options.has('r'), keepsTimes: options.has('p') };
}

/** A message that the other side shows; it goes on, but exits with 1. */
class ScpError extends Error {}

/**
 * Sends files as `scp -f` does. Source: OpenSSH, scp.c, `source`.
 *
 * @param source what the client sends: one byte for each message, 0 if it goes on
 * @returns the exit status
 */
export async function serveScp(
  command: ScpCommand,
  source: AsyncIterable<Buffer>,
  outlet: Outlet,
  deps: SessionDeps,
): Promise<0 | 1> {
  const { tree, readers } = deps;
  const answers = bytesOf(source);
  let status: 0 | 1 = 0;

  async function confirmed(): Promise<void> {
    const { value, done } = await answers.next();
    if (done || value !== 0) throw new Error('The client has ended the transfer.');
  }

  async function say(line: string): Promise<void> {
    await outlet.write(Buffer.from(`${line}\n`));
    await confirmed();
  }

  async function sendTimes({ modifiedAt }: Node): Promise<void> {
    const seconds = Math.floor(modifiedAt.getTime() / 1000);
    if (command.keepsTimes) await say(`T${seconds} 0 ${seconds} 0`);
  }

  async function sendFile(node: Node & { readonly kind: 'file' }): Promise<void> {
    await deps.onDownload(node);
    const reader = readers.open(node.content);
    try {
      await sendTimes(node);
      await say(`C0644 ${node.bytes} ${node.name}`);
      // Used again: the outlet has copied it when it returns.
      const block = Buffer.allocUnsafeSlow(Math.min(READ_BYTES_MAX, node.bytes));
      for (let at = 0; at < node.bytes; at += block.length) {
        const bytes = block.subarray(0, node.bytes - at);
        await reader.read(bytes, at);
        await outlet.write(bytes);
      }
      await outlet.write(Buffer.of(0));
      await confirmed();
    } finally {
      reader.close();
    }
  }

  async function sendDirectory(node: Node): Promise<void> {
    await sendTimes(node);
    await say(`D0755 0 ${node.name}`);
    for (const child of await tree.list(node)) {
      if (child.kind === 'file') await sendFile(child);
      else await sendDirectory(child);
    }
    await say('E');
  }

  async function send(path: string): Promise<void> {
    await deps.authorize();
    const node = await tree.find(normalPath(path, tree.home));
    if (!node) throw new ScpError('No such file or directory');
    if (node.kind === 'file') return sendFile(node);
    if (!command.isRecursive) throw new ScpError('not a regular file');
    return sendDirectory(node);
  }

  await confirmed();
  for (const path of command.paths) {
    try {
      await send(path);
    } catch (error) {
      if (!(error instanceof ScpError)) throw error;
      status = 1;
      // Not confirmed by the other side.
      await outlet.write(Buffer.from(`\x01scp: ${path}: ${error.message}\n`));
    }
  }
  return status;
}

async function* bytesOf(source: AsyncIterable<Buffer>): AsyncGenerator<number> {
  for await (const chunk of source) yield* chunk;
}
