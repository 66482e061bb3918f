import { Command } from 'commander';
import { readSomeSettings } from '../../config/settings.ts';
import type { Ledger } from '../../stores/ledger/ports.ts';
import { archivePasswordsOf } from '../../stores/remotes/archive-passwords.ts';
import { parseRecipients } from '../../streams/age/keys.ts';
import { addExamples, addJsonOption, type Cli, type JsonOption, withLedger } from '../cli.ts';
import { notFound, usage } from '../failure.ts';
import { readPassword } from '../files/password.ts';
import { formatNumberOf, formatRecipient } from '../screen/figures.ts';
import { formatFields } from '../screen/terminal.ts';

interface ArchivesOptions extends JsonOption {
  readonly passwordFile?: string;
  readonly withoutPassword?: boolean;
  readonly recipient?: readonly string[];
  readonly withoutRecipients?: boolean;
}

/** As recorded in the audit trail. */
const ACTOR = 'operator';

const RECIPIENTS_MAX = 20;

export function archivesCommand(cli: Cli): Command {
  const command = new Command('archives')
    .description(
      'Set how archives of questionnaires are protected; without options: show it. A change removes older archives',
    )
    .argument('<key>', 'the tenant')
    .option('--password-file <file>', 'file with the password that opens them (AES-256); - reads standard input')
    .option('--without-password', 'no password')
    .option('--recipient <recipient...>', 'age recipients that they are sealed to; they replace the current ones')
    .option('--without-recipients', 'not sealed');
  addJsonOption(command);
  addExamples(
    command,
    'openssl rand -base64 24 | tee password | waybill tenant archives acme --password-file -',
    'waybill tenant archives acme --recipient age1…',
    'waybill tenant archives acme --without-password --without-recipients',
  );
  return command.action(async (key: string, options: ArchivesOptions) => {
    const change = changeOf(cli, key, options);
    const { removed, ...shown } = await withLedger(cli, async (ledger) => {
      const changes = Object.keys(change).length > 0;
      const count = changes ? await ledger.archives.setSettings(key, change, ACTOR) : 0;
      return { ...(await settingsOf(ledger, key)), removed: count };
    });
    if (options.json) return cli.terminal.printJson({ tenant: key, ...shown, removed });
    cli.terminal.print(
      ...formatFields([
        ['password', shown.passwordLost ? 'lost with the ledger; set it again' : shown.password ? 'set' : 'none'],
        ['sealed to', shown.recipients.map(formatRecipient).join(', ') || 'nobody'],
      ]),
    );
    if (removed === 0) return;
    cli.terminal.log(
      `${formatNumberOf(removed, 'archive')} made before can no longer be downloaded. Start them again.`,
    );
  });
}

/** @throws CliFailure `usage`; WaybillError `invalid_recipient` */
function changeOf(
  cli: Cli,
  tenant: string,
  options: ArchivesOptions,
): Parameters<Ledger['archives']['setSettings']>[1] {
  const { passwordFile, withoutPassword, recipient, withoutRecipients } = options;
  if (withoutPassword && passwordFile !== undefined)
    throw usage('Give --password-file or --without-password, not both.');
  if (withoutRecipients && recipient) throw usage('Give --recipient or --without-recipients, not both.');
  if ((recipient?.length ?? 0) > RECIPIENTS_MAX) throw usage(`Give at most ${RECIPIENTS_MAX} recipients.`);
  return {
    ...(withoutPassword && { password: null }),
    ...(passwordFile !== undefined && { password: sealedPassword(cli, tenant, passwordFile) }),
    ...(withoutRecipients && { recipients: [] }),
    ...(recipient && { recipients: parseRecipients(recipient) }),
  };
}

function sealedPassword({ environment }: Cli, tenant: string, file: string): Buffer {
  const passwords = archivePasswordsOf(readSomeSettings(environment, ['WAYBILL_SECRETS_KEY']));
  if (!passwords) {
    throw usage("The password is stored sealed. Set WAYBILL_SECRETS_KEY to the deployment's, which workers need too.");
  }
  return passwords.seal(tenant, readPassword(file));
}

async function settingsOf(ledger: Ledger, tenant: string) {
  if (!(await ledger.tenants.find(tenant))) throw notFound(`There is no tenant "${tenant}".`);
  const settings = await ledger.archives.settings(tenant);
  return {
    password: Boolean(settings?.password),
    ...(settings?.password?.length === 0 && { passwordLost: true }),
    recipients: settings?.recipients ?? [],
  };
}
