import { Command } from 'commander';
import { readSomeSettings } from '../../config/settings.ts';
import { temporalTarget } from '../../config/temporal.ts';
import type { Temporal } from '../../stores/temporal/temporal.ts';
import { addExamples, addJsonOption, type Cli, type JsonOption, parseCount, withLedger } from '../cli.ts';
import { notFound, usage } from '../failure.ts';
import { formatNumberOf } from '../screen/figures.ts';
import { plain } from '../screen/terminal.ts';

/** For operators: uses the ledger and Temporal directly, so it needs no credential of a tenant. */
export function requestsCommand(cli: Cli): Command {
  return new Command('requests')
    .description('Operate the request portal (operators; needs WAYBILL_LEDGER_URL)')
    .addCommand(runCommand(cli))
    .addCommand(keepDaysCommand(cli))
    .addCommand(emailCommand(cli));
}

function runCommand(cli: Cli): Command {
  const command = new Command('run').description(
    'Fulfil the requests that wait for a batch now (needs WAYBILL_TEMPORAL_…)',
  );
  return addJsonOption(command).action(async (options: JsonOption) => {
    const released = await withTemporal(cli, (temporal) =>
      withLedger(cli, async (ledger) => {
        const { releaseBatch } = await import('../../stores/temporal/release-batch.ts');
        const waiting = await releaseBatch(ledger, temporal);
        return waiting.map(({ number, tenant }) => ({ request: number, tenant }));
      }),
    );
    if (options.json) return cli.terminal.printJson({ released });
    cli.terminal.logDone(
      released.length === 0 ? 'no request was waiting' : `${formatNumberOf(released.length, 'request')} may begin`,
    );
  });
}

async function withTemporal<Result>(cli: Cli, work: (temporal: Temporal) => Promise<Result>): Promise<Result> {
  const settings = readSomeSettings(cli.environment, [
    'WAYBILL_TEMPORAL_ADDRESS',
    'WAYBILL_TEMPORAL_NAMESPACE',
    'WAYBILL_TEMPORAL_API_KEY',
    'WAYBILL_TEMPORAL_TLS',
    'WAYBILL_TASK_QUEUE',
  ]);
  const target = temporalTarget(settings, cli.environment);
  // Imported on demand: other commands do without them and start faster.
  const { Connection } = await import('@temporalio/client');
  const { createTemporal } = await import('../../stores/temporal/client.ts');
  const connection = Connection.lazy(target.connection);
  try {
    const { namespace } = target;
    return await work(createTemporal({ connection, namespace, taskQueue: settings.WAYBILL_TASK_QUEUE }));
  } finally {
    await connection.close();
  }
}

function keepDaysCommand(cli: Cli): Command {
  const command = new Command('keep-days')
    .description('Set how many days the files of a tenant’s requests are kept; without a number: show it')
    .argument('<key>', 'the tenant')
    .argument('[days]', '1 to 3650; it counts for requests from now on', parseCount)
    .option('--default', "the deployment's number");
  addJsonOption(command);
  addExamples(command, 'waybill requests keep-days acme 90', 'waybill requests keep-days acme --default');
  return command.action(
    async (key: string, days: number | undefined, options: JsonOption & { readonly default?: boolean }) => {
      if (options.default && days !== undefined) throw usage('Give a number or --default, not both.');
      const keepDays = await withLedger(cli, async (ledger) => {
        if (options.default || days !== undefined) await ledger.tenants.setRequestKeepDays(key, days ?? null);
        const tenant = await ledger.tenants.find(key);
        if (!tenant) throw notFound(`There is no tenant "${key}".`);
        return tenant.requestKeepDays;
      });
      if (options.json) return cli.terminal.printJson({ tenant: key, keepDays });
      cli.terminal.print(keepDays === null ? "the deployment's number" : String(keepDays));
    },
  );
}

function emailCommand(cli: Cli): Command {
  const command = new Command('email')
    .description('Set where mails about the requests of a credential go; without an address: show it')
    .argument('<client-id>', 'the credential')
    .argument('[address]', 'an e-mail address')
    .option('--none', "to the tenant's contacts");
  addJsonOption(command);
  addExamples(command, 'waybill requests email acme-anna anna@acme.example', 'waybill requests email acme-anna --none');
  return command.action(
    async (clientId: string, address: string | undefined, options: JsonOption & { readonly none?: boolean }) => {
      if (options.none && address !== undefined) throw usage('Give an address or --none, not both.');
      const email = await withLedger(cli, async (ledger) => {
        if (options.none || address !== undefined) await ledger.credentials.setEmail(clientId, address ?? null);
        const credential = await ledger.credentials.find(clientId);
        if (!credential) throw notFound(`There is no credential "${clientId}".`);
        return credential.email;
      });
      if (options.json) return cli.terminal.printJson({ clientId, email });
      cli.terminal.print(email === null ? "the tenant's contacts" : plain(email));
    },
  );
}
