import { createReadStream, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Command } from 'commander';
import type { Compression } from '../../contracts/order.ts';
import { generateKey, keyText } from '../../streams/age/keys.ts';
import { addExamples, addJsonOption, type Cli, type JsonOption } from '../cli.ts';
import { usage } from '../failure.ts';
import { createKeyFile, readIdentity } from '../files/keys.ts';
import { openContent, openedName } from '../files/opening.ts';
import { saveWhole, targetFile } from '../files/save.ts';
import { formatBytes } from '../screen/figures.ts';
import { displayTransfer } from '../screen/progress.ts';

interface OpenOptions extends JsonOption {
  readonly keyFile: string;
  readonly decompress?: boolean;
  readonly output?: string;
  readonly force?: boolean;
}

export function openCommand(cli: Cli): Command {
  const command = new Command('open')
    .description('Unseal a downloaded file locally; the key stays on this machine')
    .argument('<file>', 'the sealed file (.age)')
    .requiredOption('--key-file <file>', 'file that holds the private key, as keygen writes it')
    .option('-o, --output <file>', 'file or directory; - is standard output (default: without .age)')
    .option('--decompress', 'decompress as well (.zst, .gz)')
    .option('--force', 'replace a file that exists');
  addJsonOption(command);
  addExamples(
    command,
    'waybill open flights.csv.zst.age --key-file key.txt --decompress',
    'waybill open users.csv.age --key-file key.txt -o - | head',
  );
  return command.action((file: string, options: OpenOptions) => openFile(cli, file, options));
}

async function openFile(cli: Cli, sealed: string, options: OpenOptions): Promise<void> {
  const size = statSync(sealed, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw usage(`There is no file "${sealed}".`);
  const opening = { identity: readIdentity(options.keyFile), decompress: options.decompress ?? false };
  const name = openedName(basename(sealed), { unseal: true, decompress: opening.decompress });
  const compression = opening.decompress ? compressionOf(sealed) : 'none';
  const signal = cli.interruptible();
  const source = () => createReadStream(sealed, { highWaterMark: 1 << 20, signal });
  if (options.output === '-') {
    for await (const chunk of openContent(source(), compression, opening)) await writeOut(cli, chunk);
    return;
  }
  if (options.output === undefined && name === basename(sealed)) {
    throw usage(`"${sealed}" does not end in .age.`, 'Say with -o what the opened file is called.');
  }
  const target = targetFile(options.output ?? join(dirname(sealed), name), name, options.force ?? false);
  const display = { label: 'open', quiet: options.json === true };
  const bytes = await displayTransfer(cli.terminal, display, (show) => {
    async function* shown() {
      let bytesRead = 0;
      for await (const chunk of source()) {
        bytesRead += chunk.length;
        show(bytesRead, size ?? null);
        yield chunk;
      }
    }
    return saveWhole(openContent(shown(), compression, opening), target);
  });
  if (options.json) cli.terminal.printJson({ file: target, bytes });
  else cli.terminal.logDone(`${target} (${formatBytes(bytes)})`);
}

function compressionOf(sealed: string): Compression {
  if (/\.zst(\.age)?$/.test(sealed)) return 'zstd';
  if (/\.gz(\.age)?$/.test(sealed)) return 'gzip';
  throw usage(
    `The name "${basename(sealed)}" does not say how it is compressed.`,
    'It should end in .zst.age or .gz.age.',
  );
}

/** The chunk may be reused as soon as this resolves. */
function writeOut(cli: Cli, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    cli.terminal.output.write(chunk, (error) => (error ? reject(error) : resolve()));
  });
}

interface KeygenOptions extends JsonOption {
  readonly output?: string;
  readonly postQuantum?: boolean;
}

export function keygenCommand(cli: Cli): Command {
  const command = new Command('keygen')
    .description('Make a key pair to seal exports with; the recipient is public, the key file is secret')
    .option('-o, --output <file>', 'write the private key to this file, readable by you alone; it must not exist')
    .option('--post-quantum', 'make a post-quantum key');
  addJsonOption(command);
  addExamples(command, 'waybill keygen -o key.txt', 'waybill keygen -o key.txt --post-quantum > recipient.txt');
  return command.action(async ({ output, postQuantum = false, json }: KeygenOptions) => {
    const { terminal } = cli;
    const key = await generateKey({ postQuantum });
    const { identity, recipient } = key;
    if (output === undefined) {
      return json ? terminal.printJson({ recipient, identity }) : terminal.print(keyText(key).trimEnd());
    }
    createKeyFile(output).write(key);
    if (json) return terminal.printJson({ recipient, file: output });
    terminal.logDone(`private key in ${output}; keep it: nobody else has it`);
    terminal.log('recipient, to seal to:');
    terminal.print(recipient);
  });
}
