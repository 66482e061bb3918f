import { Command } from 'commander';
import { addExamples, addJsonOption, type Cli, type JsonOption } from '../cli.ts';
import { formatFields } from '../screen/terminal.ts';

/** Makes the secret of the operator's page. It needs no server, and stores nothing. */
export function operatorSecretCommand(cli: Cli): Command {
  const command = new Command('operator-secret').description(
    "Make a secret for the operator's page, and its hash for WAYBILL_OPERATOR_SECRET_HASH; both are shown this once",
  );
  addJsonOption(command);
  addExamples(command, 'waybill operator-secret', 'waybill operator-secret --json | jq -r .hash');
  return command.action(async (options: JsonOption) => {
    // Imported on demand: no other command needs it, and all start faster.
    const { createSecretHash, generateSecret } = await import('../../stores/ledger/secret-hash.ts');
    const secret = generateSecret();
    const hash = (await createSecretHash().hash(secret)).replaceAll('$', ':');
    if (options.json) return cli.terminal.printJson({ secret, hash });
    cli.terminal.print(
      ...formatFields([
        ['secret', cli.terminal.paint('bold', secret)],
        ['hash', hash],
      ]),
    );
    cli.terminal.log('Set WAYBILL_OPERATOR_SECRET_HASH of the API to the hash, and keep the secret for logging in.');
  });
}
