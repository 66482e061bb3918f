import { readFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import { Command } from 'commander';
import { parseSshKey } from '../../contracts/ssh-key.ts';
import { addExamples, addJsonOption, type Cli, type JsonOption, withLedger } from '../cli.ts';
import { usage } from '../failure.ts';
import { formatTime } from '../screen/figures.ts';
import { tableLines } from '../screen/terminal.ts';

/** Written to the audit trail, as for the other commands of operators. */
const ACTOR = 'operator';

/** For operators, like the command `tenant`. */
export function sftpKeyCommand(cli: Cli): Command {
  return new Command('sftp-key')
    .description('Manage the public keys of tenants for SFTP (operators; needs WAYBILL_LEDGER_URL)')
    .addCommand(addCommand(cli))
    .addCommand(listCommand(cli))
    .addCommand(disableCommand(cli));
}

function addCommand(cli: Cli): Command {
  const command = new Command('add')
    .description('Let a public key log in as a tenant; enables a disabled key again')
    .argument('<tenant>', 'key of the tenant')
    .argument('<file>', 'public key file, such as id_ed25519.pub; - for standard input');
  addJsonOption(command);
  addExamples(
    command,
    'waybill sftp-key add acme ~/.ssh/id_ed25519.pub',
    'ssh-add -L | head -n 1 | waybill sftp-key add acme -',
  );
  return command.action(async (tenant: string, file: string, options: JsonOption) => {
    const parsed = parseSshKey(await readKeyFile(file));
    if ('problem' in parsed) throw usage(parsed.problem);
    const { fingerprint } = await withLedger(cli, (ledger) => ledger.sftpKeys.add(tenant, parsed, ACTOR));
    if (options.json) return cli.terminal.printJson({ tenant, fingerprint });
    cli.terminal.print(fingerprint);
  });
}

async function readKeyFile(file: string): Promise<string> {
  if (file === '-') return readAll(process.stdin);
  try {
    return await readFile(file, 'utf8');
  } catch {
    throw usage(`The file "${file}" cannot be read.`);
  }
}

function listCommand(cli: Cli): Command {
  const command = new Command('list')
    .description('List the keys of a tenant')
    .argument('<tenant>', 'key of the tenant');
  return addJsonOption(command).action(async (tenant: string, options: JsonOption) => {
    const keys = await withLedger(cli, (ledger) => ledger.sftpKeys.list(tenant));
    if (options.json) return cli.terminal.printJson(keys);
    if (keys.length === 0) return cli.terminal.log('No keys.');
    const columns = ['FINGERPRINT', 'TYPE', 'STATE', 'ADDED (UTC)'].map((title) => ({ title }));
    const rows = keys.map(({ fingerprint, publicKey, disabledAt, addedAt }) => [
      fingerprint,
      publicKey.split(' ')[0] ?? '',
      disabledAt === null ? cli.terminal.paint('green', 'active') : cli.terminal.paint('red', 'disabled'),
      formatTime(addedAt.toISOString()),
    ]);
    cli.terminal.print(...tableLines(cli.terminal, columns, rows));
  });
}

function disableCommand(cli: Cli): Command {
  const command = new Command('disable')
    .description('A key no longer logs in; its open sessions end with their next request')
    .argument('<tenant>', 'key of the tenant')
    .argument('<fingerprint>', 'as "list" shows it');
  return addJsonOption(command).action(async (tenant: string, fingerprint: string, options: JsonOption) => {
    await withLedger(cli, (ledger) => ledger.sftpKeys.disable(tenant, fingerprint, ACTOR));
    if (options.json) return cli.terminal.printJson({ tenant, fingerprint, disabled: true });
    cli.terminal.logDone(`${fingerprint} is disabled`);
  });
}
