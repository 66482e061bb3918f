import { Command, InvalidArgumentError } from 'commander';
import { addExamples, addJsonOption, type Cli, type JsonOption, parseCount, withLedger } from '../cli.ts';
import { notFound, usage } from '../failure.ts';
import { plain } from '../screen/terminal.ts';

export function contactsCommand(cli: Cli): Command {
  const command = new Command('contacts')
    .description('Set who gets e-mail when the periodic exports of a tenant fail; without addresses: show them')
    .argument('<key>', 'the tenant')
    .argument('[address...]', 'e-mail addresses; they replace the current ones')
    .option('--none', 'remove all contacts');
  addJsonOption(command);
  addExamples(
    command,
    'waybill tenant contacts acme ann@acme.example data@acme.example',
    'waybill tenant contacts acme --none',
  );
  return command.action(
    async (key: string, addresses: readonly string[], options: JsonOption & { readonly none?: boolean }) => {
      if (options.none && addresses.length > 0) throw usage('Give addresses or --none, not both.');
      const contacts = await withLedger(cli, async (ledger) => {
        if (options.none || addresses.length > 0) await ledger.tenants.setContacts(key, addresses);
        const tenant = await ledger.tenants.find(key);
        if (!tenant) throw notFound(`There is no tenant "${key}".`);
        return tenant.contacts;
      });
      if (options.json) return cli.terminal.printJson({ tenant: key, contacts });
      if (contacts.length === 0) return cli.terminal.log('No contacts.');
      cli.terminal.print(...contacts.map(plain));
    },
  );
}

export function disableCommand(cli: Cli): Command {
  const command = new Command('disable')
    .description('Lock a tenant out at once, or only one of its credentials')
    .argument('<key>', 'the tenant')
    .option('--client-id <id>', 'only this credential');
  return addJsonOption(command).action(async (key: string, options: JsonOption & { readonly clientId?: string }) => {
    const { clientId } = options;
    await withLedger(cli, async (ledger) => {
      if (clientId === undefined) return ledger.tenants.disable(key);
      const credential = await ledger.credentials.find(clientId);
      if (credential?.tenant !== key) throw notFound(`Tenant "${key}" has no credential "${clientId}".`);
      return ledger.credentials.disable(clientId);
    });
    if (options.json) return cli.terminal.printJson({ tenant: key, clientId: clientId ?? null, disabled: true });
    cli.terminal.logDone(`${clientId === undefined ? `tenant ${key}` : `credential ${clientId}`} is disabled`);
  });
}

export function enableCommand(cli: Cli): Command {
  const command = new Command('enable')
    .description('Enable a disabled tenant; credentials disabled individually stay disabled')
    .argument('<key>', 'the tenant');
  return addJsonOption(command).action(async (key: string, options: JsonOption) => {
    await withLedger(cli, (ledger) => ledger.tenants.enable(key));
    if (options.json) return cli.terminal.printJson({ tenant: key, disabled: false });
    cli.terminal.logDone(`tenant ${key} is enabled`);
  });
}

export function warehouseKeyCommand(cli: Cli): Command {
  const command = new Command('warehouse-key')
    .description("Set a tenant's value of the tenant column in the warehouse; without a value: show it")
    .argument('<key>', 'the tenant')
    .argument('[value]', 'as the tenant column has it, such as GERMANY or 42; it counts from the next run on')
    .option('--default', "the tenant's key");
  addJsonOption(command);
  addExamples(command, 'waybill tenant warehouse-key germany GERMANY', 'waybill tenant warehouse-key acme --default');
  return command.action(
    async (key: string, value: string | undefined, options: JsonOption & { readonly default?: boolean }) => {
      if (options.default && value !== undefined) throw usage('Give a value or --default, not both.');
      const warehouseKey = await withLedger(cli, async (ledger) => {
        if (options.default || value !== undefined) await ledger.tenants.setWarehouseKey(key, value ?? null);
        const tenant = await ledger.tenants.find(key);
        if (!tenant) throw notFound(`There is no tenant "${key}".`);
        return tenant.warehouseKey ?? tenant.key;
      });
      if (options.json) return cli.terminal.printJson({ tenant: key, warehouseKey });
      cli.terminal.print(plain(warehouseKey));
    },
  );
}

/** `default`: the deployment's limit. Not `null`, which commander would replace. */
type Limit = number | 'default';

interface LimitOptions extends JsonOption {
  readonly exports?: Limit;
  readonly requests?: Limit;
}

export function limitsCommand(cli: Cli): Command {
  const command = new Command('limits')
    .description("Set a tenant's own limits; limits not given stay unchanged")
    .argument('<key>', 'the tenant')
    .option('--exports <count>', "exports at once, or 'default'", parseLimit)
    .option('--requests <count>', "requests a minute, or 'default'", parseLimit);
  addJsonOption(command);
  addExamples(command, 'waybill tenant limits acme --exports 10', 'waybill tenant limits acme --requests default');
  return command.action(async (key: string, options: LimitOptions) => {
    const limits = await withLedger(cli, async (ledger) => {
      const tenant = await ledger.tenants.find(key);
      const exportsMax = limitOf(options.exports, tenant?.exportsMax);
      const requestsMax = limitOf(options.requests, tenant?.requestsMax);
      await ledger.tenants.setLimits(key, { exportsMax, requestsMax });
      return { exportsMax, requestsMax };
    });
    if (options.json) return cli.terminal.printJson({ tenant: key, ...limits });
    cli.terminal.print(`exports at once: ${limitText(limits.exportsMax)}`);
    cli.terminal.print(`requests a minute: ${limitText(limits.requestsMax)}`);
  });
}

/** @returns `null` for the deployment's limit */
function limitOf(wanted: Limit | undefined, current: number | null = null): number | null {
  if (wanted === undefined) return current;
  return wanted === 'default' ? null : wanted;
}

function parseLimit(text: string): Limit {
  if (text === 'default') return text;
  try {
    return parseCount(text);
  } catch {
    throw new InvalidArgumentError("It must be a whole number from 1 up, or 'default'.");
  }
}

export function limitText(limit: number | null): string {
  return limit === null ? "the deployment's limit" : String(limit);
}
