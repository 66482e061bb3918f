import { Command } from 'commander';
import { generateKey } from '../../streams/age/keys.ts';
import { addExamples, addJsonOption, type Cli, printJson } from '../cli.ts';
import { createKeyFile, keyText } from '../files/keys.ts';

interface Options {
  readonly output?: string;
  readonly postQuantum?: boolean;
  readonly json?: boolean;
}

export function keygenCommand(cli: Cli): Command {
  const command = new Command('keygen')
    .description('Make a key pair to seal exports with; the recipient is public, the key file is not')
    .option('-o, --output <file>', 'write the private key to this file, readable by you alone; it must not exist')
    .option('--post-quantum', 'a key that quantum computers do not open');
  addJsonOption(command);
  addExamples(command, 'waybill keygen -o key.txt', 'waybill keygen -o key.txt --post-quantum > recipient.txt');
  return command.action(async (options: Options) => {
    const key = await generateKey({ postQuantum: options.postQuantum ?? false });
    const { identity, recipient } = key;
    if (options.output === undefined) {
      return options.json
        ? printJson(cli.terminal, { recipient, identity })
        : cli.terminal.print(keyText(key).trimEnd());
    }
    createKeyFile(options.output).write(key);
    if (options.json) return printJson(cli.terminal, { recipient, file: options.output });
    cli.terminal.tell(
      `${cli.terminal.paintTold('green', '✓')} private key in ${options.output}; keep it: nobody else has it`,
    );
    cli.terminal.tell('recipient, to seal to:');
    cli.terminal.print(recipient);
  });
}
