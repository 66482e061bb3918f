import { Command } from 'commander';
import { DOORS, type Limits } from '../../contracts/limits.ts';
import type { Credential, Scope, Tenant } from '../../stores/ledger/ports.ts';
import { generateSecret } from '../../stores/ledger/secret-hash.ts';
import { addExamples, addJsonOption, type Cli, type JsonOption, withLedger } from '../cli.ts';
import { notFound } from '../failure.ts';
import { formatTime } from '../screen/figures.ts';
import { formatFields, plain, type Terminal, tableLines } from '../screen/terminal.ts';
import { archivesCommand } from './tenant-archives.ts';
import {
  contactsCommand,
  disableCommand,
  enableCommand,
  limitsCommand,
  limitText,
  warehouseKeyCommand,
} from './tenant-settings.ts';

interface CredentialOptions extends JsonOption, LimitOptions {
  readonly clientId?: string;
  readonly readOnly?: boolean;
}

interface LimitOptions {
  readonly door?: readonly string[];
  readonly dataset?: readonly string[];
}

function addLimitOptions(command: Command): Command {
  return command
    .option('--door <kind...>', `only these kinds of export: ${DOORS.join(', ')} (default: all)`)
    .option('--dataset <name...>', 'only these datasets of the catalog (default: all)');
}

function limitsOf({ door, dataset }: LimitOptions): Limits {
  return { doors: door ?? null, datasets: dataset ?? null };
}

/** For operators: uses the ledger directly, so it needs WAYBILL_LEDGER_URL and no credential of a tenant. */
export function tenantCommand(cli: Cli): Command {
  return new Command('tenant')
    .description('Manage tenants and their credentials (operators; needs WAYBILL_LEDGER_URL)')
    .addCommand(addCommand(cli))
    .addCommand(addCredentialCommand(cli))
    .addCommand(listCommand(cli))
    .addCommand(showCommand(cli))
    .addCommand(rotateCommand(cli))
    .addCommand(limitCommand(cli))
    .addCommand(revokeCommand(cli))
    .addCommand(disableCommand(cli))
    .addCommand(enableCommand(cli))
    .addCommand(warehouseKeyCommand(cli))
    .addCommand(limitsCommand(cli))
    .addCommand(contactsCommand(cli))
    .addCommand(archivesCommand(cli));
}

interface AddOptions {
  readonly title?: string;
  readonly warehouseKey?: string;
}

function addCommand(cli: Cli): Command {
  const command = new Command('add')
    .description('Add a tenant with a first credential; the secret is shown this once')
    .argument('<key>', 'lower-case letters, digits, hyphens')
    .option('--title <text>', 'name for people (default: the key)')
    .option('--warehouse-key <value>', "the tenant's value of the tenant column in the warehouse (default: the key)")
    .option('--client-id <id>', 'client id of the credential (default: the key)')
    .option('--read-only', 'a credential that may not order, cancel or delete');
  addLimitOptions(command);
  addJsonOption(command);
  addExamples(
    command,
    'waybill tenant add acme --title "Acme, Inc."',
    'waybill tenant add germany --warehouse-key GERMANY',
    'waybill tenant add acme --json | jq -r .secret',
  );
  return command.action(async (key: string, options: CredentialOptions & AddOptions) => {
    await withLedger(cli, async (ledger) => {
      await ledger.tenants.add({ key, title: options.title ?? key, warehouseKey: options.warehouseKey ?? null });
      const secret = generateSecret();
      const credential = await ledger.credentials.add({
        tenant: key,
        clientId: options.clientId ?? key,
        scopes: scopesOf(options),
        secret,
        limits: limitsOf(options),
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
  addLimitOptions(command);
  addJsonOption(command);
  addExamples(
    command,
    'waybill tenant add-credential acme --client-id acme-reports --read-only',
    'waybill tenant add-credential acme --client-id bi --door on-demand --dataset USERS NETWORKS',
  );
  return command.action(async (tenant: string, options: CredentialOptions & { readonly clientId: string }) => {
    const secret = generateSecret();
    const { clientId } = options;
    const credential = await withLedger(cli, (ledger) =>
      ledger.credentials.add({ tenant, clientId, scopes: scopesOf(options), secret, limits: limitsOf(options) }),
    );
    showSecret(cli, options, credential, secret);
  });
}

function rotateCommand(cli: Cli): Command {
  const command = new Command('rotate')
    .description('Replace the secret of a credential: the old one is void at once, the new one is shown this once')
    .argument('<client-id>', 'the credential');
  return addJsonOption(command).action(async (clientId: string, options: JsonOption) => {
    const secret = generateSecret();
    const credential = await withLedger(cli, async (ledger) => {
      await ledger.credentials.rotate(clientId, secret);
      return ledger.credentials.find(clientId);
    });
    if (credential) showSecret(cli, options, credential, secret);
  });
}

function limitCommand(cli: Cli): Command {
  const command = new Command('limit')
    .description('Set what a credential may reach, in place of what it could; without options: everything')
    .argument('<client-id>', 'the credential');
  addLimitOptions(command);
  addJsonOption(command);
  addExamples(command, 'waybill tenant limit acme-reports --door periodic', 'waybill tenant limit acme-reports');
  return command.action(async (clientId: string, options: JsonOption & LimitOptions) => {
    const limits = limitsOf(options);
    await withLedger(cli, (ledger) => ledger.credentials.limit(clientId, limits));
    if (options.json) return cli.terminal.printJson({ clientId, ...limits });
    cli.terminal.logDone(`${plain(clientId)} may use ${reachText(limits)}`);
  });
}

function reachText({ doors, datasets }: Limits): string {
  return `${doors?.join(', ') ?? 'all kinds of export'}; ${datasets === null ? 'all datasets' : plain(datasets.join(', '))}`;
}

function revokeCommand(cli: Cli): Command {
  const command = new Command('revoke')
    .description('Disable a credential for good; whatever uses it is refused at once')
    .argument('<client-id>', 'the credential');
  return addJsonOption(command).action(async (clientId: string, options: JsonOption) => {
    await withLedger(cli, (ledger) => ledger.credentials.disable(clientId));
    if (options.json) return cli.terminal.printJson({ clientId, revoked: true });
    cli.terminal.logDone(`${plain(clientId)} is revoked`);
  });
}

function listCommand(cli: Cli): Command {
  const command = new Command('list').description('List all tenants');
  return addJsonOption(command).action(async (options: JsonOption) => {
    const tenants = await withLedger(cli, (ledger) => ledger.tenants.list());
    if (options.json) return cli.terminal.printJson(tenants);
    if (tenants.length === 0) return cli.terminal.log('No tenants.');
    printStates(cli, ['TENANT', 'TITLE'], tenants, ({ key, title }) => [key, plain(title)]);
  });
}

function showCommand(cli: Cli): Command {
  const command = new Command('show').description('Show a tenant and its credentials').argument('<key>', 'the tenant');
  return addJsonOption(command).action(async (key: string, options: JsonOption) => {
    const { tenant, credentials } = await withLedger(cli, async (ledger) => ({
      tenant: await ledger.tenants.find(key),
      credentials: await ledger.credentials.list(key),
    }));
    if (!tenant) throw notFound(`There is no tenant "${key}".`);
    if (options.json) return cli.terminal.printJson({ ...tenant, credentials });
    const fields = formatFields([
      ['tenant', tenant.key],
      ['title', plain(tenant.title)],
      ['warehouse key', plain(tenant.warehouseKey ?? tenant.key)],
      ['state', stateText(cli.terminal, tenant)],
      ['exports at once', limitText(tenant.exportsMax)],
      ['requests a minute', limitText(tenant.requestsMax)],
      ['contacts', plain(tenant.contacts.join(', ')) || 'none'],
    ]);
    cli.terminal.print(...fields);
    if (credentials.length === 0) return;
    cli.terminal.print('');
    const titles = ['CLIENT ID', 'SCOPES', 'DOORS', 'DATASETS', 'LAST USED (UTC)'];
    printStates(cli, titles, credentials, ({ clientId, scopes, doors, datasets, lastUsedAt }) => [
      ...[clientId, scopes.join(' '), doors?.join(' ') ?? 'all', plain(datasets?.join(' ') ?? 'all')],
      lastUsedAt ? formatTime(lastUsedAt.toISOString()) : 'never',
    ]);
  });
}

function scopesOf(options: CredentialOptions): readonly Scope[] {
  return options.readOnly ? ['read'] : ['read', 'write'];
}

/** Prints a table of tenants or credentials: the given columns, then state and time. */
function printStates<Item extends Tenant | Credential>(
  { terminal }: Cli,
  titles: readonly string[],
  items: readonly Item[],
  cellsOf: (item: Item) => readonly string[],
): void {
  const columns = [...titles, 'STATE', 'ADDED (UTC)'].map((title) => ({ title }));
  const rows = items.map((item) => [
    ...cellsOf(item),
    stateText(terminal, item),
    formatTime(item.createdAt.toISOString()),
  ]);
  terminal.print(...tableLines(terminal, columns, rows));
}

function stateText(terminal: Terminal, { disabledAt }: Pick<Tenant | Credential, 'disabledAt'>): string {
  return disabledAt === null ? terminal.paint('green', 'active') : terminal.paint('red', 'disabled');
}

function showSecret(cli: Cli, options: JsonOption, credential: Credential, secret: string): void {
  const { tenant, clientId, scopes } = credential;
  if (options.json) {
    cli.terminal.printJson({ tenant, clientId, scopes, secret });
    return;
  }
  const fields = formatFields([
    ['tenant', tenant],
    ['client id', clientId],
    ['scopes', scopes.join(' ')],
    ['secret', cli.terminal.paint('bold', secret)],
  ]);
  cli.terminal.print(...fields);
  cli.terminal.log('The secret is shown this once; it is stored only as a hash.');
}
