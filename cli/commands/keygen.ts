import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { generateKey } from '../../stores/sealing/keys.ts';
import { addExamples, addJsonOption, type Cli, printJson } from '../cli.ts';
import { CliFailure, EXIT, usage } from '../failure.ts';

interface Options {
  readonly output?: string;
  readonly postQuantum?: boolean;
  readonly json?: boolean;
}

/** Writes what `age-keygen` writes, so that `age` reads it. */
export function keygenCommand(cli: Cli): Command {
  const command = new Command('keygen')
    .description('Make a key pair to seal exports with; the recipient is public, the key file is not')
    .option('-o, --output <file>', 'write the private key to this file, readable by you alone; it must not exist')
    .option('--post-quantum', 'a key that quantum computers do not open');
  addJsonOption(command);
  addExamples(command, 'waybill keygen -o key.txt', 'waybill keygen -o key.txt --post-quantum > recipient.txt');
  return command.action(async (options: Options) => {
    const { identity, recipient } = await generateKey({ postQuantum: options.postQuantum ?? false });
    const created = `${new Date().toISOString().slice(0, 19)}Z`;
    const text = `# created: ${created}\n# public key: ${recipient}\n${identity}\n`;
    if (options.output === undefined) {
      return options.json ? printJson(cli.terminal, { recipient, identity }) : cli.terminal.print(text.trimEnd());
    }
    save(options.output, text);
    if (options.json) return printJson(cli.terminal, { recipient, file: options.output });
    cli.terminal.tell(
      `${cli.terminal.paintTold('green', '✓')} private key in ${options.output}; keep it: nobody else has it`,
    );
    cli.terminal.tell('recipient, to seal to:');
    cli.terminal.print(recipient);
  });
}

function save(file: string, text: string): void {
  try {
    writeFileSync(file, text, { mode: 0o600, flag: 'wx' });
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') {
      throw usage(`"${file}" exists already.`, 'A key is never replaced: choose another name.');
    }
    throw new CliFailure(EXIT.failed, `"${file}" cannot be written.`, { cause });
  }
}
