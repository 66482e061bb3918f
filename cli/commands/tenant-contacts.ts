import { Command } from 'commander';
import { addExamples, addJsonOption, type Cli, printJson } from '../cli.ts';
import { CliFailure, EXIT, usage } from '../failure.ts';
import { withLedger } from '../ledger-access.ts';
import { plain } from '../screen/terminal.ts';

interface Options {
  readonly none?: boolean;
  readonly json?: boolean;
}

export function contactsCommand(cli: Cli): Command {
  const command = new Command('contacts')
    .description('Set who is told by e-mail when the periodic exports of a tenant fail; without addresses: show them')
    .argument('<key>', 'the tenant')
    .argument('[address...]', 'e-mail addresses, which replace those there are')
    .option('--none', 'tell nobody');
  addJsonOption(command);
  addExamples(
    command,
    'waybill tenant contacts acme ann@acme.example data@acme.example',
    'waybill tenant contacts acme --none',
  );
  return command.action(async (key: string, addresses: readonly string[], options: Options) => {
    if (options.none && addresses.length > 0) throw usage('Give addresses or --none, not both.');
    const contacts = await withLedger(cli, async (ledger) => {
      if (options.none || addresses.length > 0) await ledger.tenants.setContacts(key, addresses);
      const tenant = await ledger.tenants.find(key);
      if (!tenant) throw new CliFailure(EXIT.failed, `There is no tenant "${key}".`, { code: 'not_found' });
      return tenant.contacts;
    });
    if (options.json) return printJson(cli.terminal, { tenant: key, contacts });
    if (contacts.length === 0) return cli.terminal.tell('No contacts.');
    for (const contact of contacts) cli.terminal.print(plain(contact));
  });
}
