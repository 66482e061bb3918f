import { Command } from 'commander';
import type { Credential, Scope, Tenant } from '../../stores/ledger/ports.ts';
import { generateSecret } from '../../stores/ledger/secret-hash.ts';
import { addExamples, addJsonOption, type Cli, printJson, withLedger } from '../cli.ts';
import { CliFailure, EXIT } from '../failure.ts';
import { formatTime } from '../screen/figures.ts';
import { formatFields, formatTable, plain } from '../screen/terminal.ts';
import { contactsCommand, disableCommand, enableCommand, limitsCommand, limitText } from './tenant-settings.ts';

interface Common {
  readonly json?: boolean;
}
interface CredentialOptions extends Common {
  readonly clientId?: string;
  readonly readOnly?: boolean;
}

/** Operators only: goes to the ledger itself, so it needs WAYBILL_LEDGER_URL and no credential of a tenant. */
export function tenantCommand(cli: Cli): Command {
  return new Command('tenant')
    .description('Manage tenants and their credentials (operators; needs WAYBILL_LEDGER_URL)')
    .addCommand(addCommand(cli))
    .addCommand(addCredentialCommand(cli))
    .addCommand(listCommand(cli))
    .addCommand(showCommand(cli))
    .addCommand(rotateCommand(cli))
    .addCommand(disableCommand(cli))
    .addCommand(enableCommand(cli))
    .addCommand(limitsCommand(cli))
    .addCommand(contactsCommand(cli));
}

function addCommand(cli: Cli): Command {
  const command = new Command('add')
    .description('Add a tenant with a first credential; the secret is shown this once')
    .argument('<key>', 'value of the tenant column in the warehouse: lower-case letters, digits, hyphens')
    .option('--title <text>', 'name for people (default: the key)')
    .option('--client-id <id>', 'client id of the credential (default: the key)')
    .option('--read-only', 'a credential that may not order, cancel or delete');
  addJsonOption(command);
  addExamples(
    command,
    'waybill tenant add acme --title "Acme, Inc."',
    'waybill tenant add acme --json | jq -r .secret',
  );
  return command.action(async (key: string, options: CredentialOptions & { readonly title?: string }) => {
    await withLedger(cli, async (ledger) => {
      await ledger.tenants.add({ key, title: options.title ?? key });
      const secret = generateSecret();
      const credential = await ledger.credentials.add({
        tenant: key,
        clientId: options.clientId ?? key,
        scopes: scopesOf(options),
        secret,
      });
      showSecret(cli, options, credential, secret);
    });
  });
}

function addCredentialCommand(cli: Cli): Command {
  const command = new Command('add-credential')
    .description('Add a credential to a tenant; the secret is shown this once')
    .argument('<key>', 'the tenant')
    .requiredOption('--client-id <id>', 'unique in the deployment')
    .option('--read-only', 'may not order, cancel or delete');
  addJsonOption(command);
  addExamples(command, 'waybill tenant add-credential acme --client-id acme-reports --read-only');
  return command.action(async (tenant: string, options: CredentialOptions & { readonly clientId: string }) => {
    const secret = generateSecret();
    const { clientId } = options;
    const credential = await withLedger(cli, (ledger) =>
      ledger.credentials.add({ tenant, clientId, scopes: scopesOf(options), secret }),
    );
    showSecret(cli, options, credential, secret);
  });
}

function rotateCommand(cli: Cli): Command {
  const command = new Command('rotate')
    .description('Replace the secret of a credential: the old one is void at once, the new one is shown this once')
    .argument('<client-id>', 'the credential');
  return addJsonOption(command).action(async (clientId: string, options: Common) => {
    const secret = generateSecret();
    const credential = await withLedger(cli, async (ledger) => {
      await ledger.credentials.rotate(clientId, secret);
      return ledger.credentials.find(clientId);
    });
    if (credential) showSecret(cli, options, credential, secret);
  });
}

function listCommand(cli: Cli): Command {
  const command = new Command('list').description('List all tenants');
  return addJsonOption(command).action(async (options: Common) => {
    const tenants = await withLedger(cli, (ledger) => ledger.tenants.list());
    if (options.json) return printJson(cli.terminal, tenants);
    if (tenants.length === 0) return cli.terminal.tell('No tenants.');
    const [head = '', ...lines] = formatTable(
      [{ title: 'TENANT' }, { title: 'TITLE' }, { title: 'STATE' }, { title: 'ADDED (UTC)' }],
      tenants.map((tenant) => [
        tenant.key,
        plain(tenant.title),
        stateText(cli, tenant),
        formatTime(tenant.createdAt.toISOString()),
      ]),
    );
    for (const line of [cli.terminal.paint('dim', head), ...lines]) cli.terminal.print(line);
  });
}

function showCommand(cli: Cli): Command {
  const command = new Command('show').description('Show a tenant and its credentials').argument('<key>', 'the tenant');
  return addJsonOption(command).action(async (key: string, options: Common) => {
    const { tenant, credentials } = await withLedger(cli, async (ledger) => ({
      tenant: await ledger.tenants.find(key),
      credentials: await ledger.credentials.list(key),
    }));
    if (!tenant) throw new CliFailure(EXIT.failed, `There is no tenant "${key}".`, { code: 'not_found' });
    if (options.json) return printJson(cli.terminal, { ...tenant, credentials });
    const fields = formatFields([
      ['tenant', tenant.key],
      ['title', plain(tenant.title)],
      ['state', stateText(cli, tenant)],
      ['exports at once', limitText(tenant.exportsMax)],
      ['requests a minute', limitText(tenant.requestsMax)],
      ['contacts', plain(tenant.contacts.join(', ')) || 'none'],
    ]);
    for (const line of fields) cli.terminal.print(line);
    if (credentials.length === 0) return;
    cli.terminal.print('');
    const [head = '', ...lines] = formatTable(
      [{ title: 'CLIENT ID' }, { title: 'SCOPES' }, { title: 'STATE' }, { title: 'ADDED (UTC)' }],
      credentials.map((credential) => [
        credential.clientId,
        credential.scopes.join(' '),
        stateText(cli, credential),
        formatTime(credential.createdAt.toISOString()),
      ]),
    );
    for (const line of [cli.terminal.paint('dim', head), ...lines]) cli.terminal.print(line);
  });
}

function scopesOf(options: CredentialOptions): readonly Scope[] {
  return options.readOnly ? ['read'] : ['read', 'write'];
}

function stateText(cli: Cli, { disabledAt }: Pick<Tenant | Credential, 'disabledAt'>): string {
  return disabledAt === null ? cli.terminal.paint('green', 'active') : cli.terminal.paint('red', 'disabled');
}

function showSecret(cli: Cli, options: Common, credential: Credential, secret: string): void {
  const { tenant, clientId, scopes } = credential;
  if (options.json) {
    printJson(cli.terminal, { tenant, clientId, scopes, secret });
    return;
  }
  const fields = formatFields([
    ['tenant', tenant],
    ['client id', clientId],
    ['scopes', scopes.join(' ')],
    ['secret', cli.terminal.paint('bold', secret)],
  ]);
  for (const line of fields) cli.terminal.print(line);
  cli.terminal.tell('The secret is shown this once; it is stored only as a hash.');
}
