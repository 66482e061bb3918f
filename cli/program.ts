import { Command, CommanderError } from 'commander';
import { SettingsError } from '../config/settings.ts';
import { FAILURES, WaybillError } from '../contracts/failures.ts';
import type { Cli } from './cli.ts';
import { composeCommand } from './commands/compose.ts';
import { explainCommand } from './commands/explain.ts';
import { exportCommand } from './commands/export.ts';
import { exportsCommand } from './commands/exports.ts';
import { auditCommand, doctorCommand, ledgerCommand } from './commands/operator.ts';
import { operatorSecretCommand } from './commands/operator-secret.ts';
import { periodicCommand } from './commands/periodic.ts';
import { questionnairesCommand } from './commands/questionnaires.ts';
import { recurringCommand } from './commands/recurring.ts';
import { requestsCommand } from './commands/requests.ts';
import { schemaCommand } from './commands/schema.ts';
import { keygenCommand, openCommand } from './commands/sealed.ts';
import { sftpKeyCommand } from './commands/sftp-key.ts';
import { tenantCommand } from './commands/tenant.ts';
import { verifyCommand } from './commands/verify.ts';
import { webhookCommand } from './commands/webhook.ts';
import { CliFailure, EXIT, type ExitCode } from './failure.ts';
import type { Terminal } from './screen/terminal.ts';

/**
 * Runs one command line. Every error becomes a message and an exit code, never a stack trace.
 *
 * @param args without the names of node and of the script
 * @returns the exit code
 */
export async function run(args: readonly string[], cli: Omit<Cli, 'endWith'>, version: string): Promise<number> {
  let exitCode: number = EXIT.ok;
  const endWith = (code: number) => {
    exitCode = code;
  };
  try {
    await createProgram({ ...cli, endWith }, version).parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    const failure = asFailure(error);
    report(cli.terminal, failure, args.includes('--json'));
    return failure.exitCode;
  }
}

function asFailure(error: unknown): CliFailure {
  if (error instanceof CliFailure) return error;
  if (error instanceof WaybillError) {
    return new CliFailure(exitCodeOf(error), error.message, { code: error.code, cause: error });
  }
  if (error instanceof SettingsError) return new CliFailure(EXIT.usage, error.message, { cause: error });
  if (error instanceof Error && error.name === 'AbortError') return new CliFailure(EXIT.interrupted, 'Stopped.');
  const what = error instanceof Error ? error.message : String(error);
  return new CliFailure(EXIT.failed, `Unexpected error in waybill: ${what}`, { cause: error });
}

function exitCodeOf({ code }: WaybillError): ExitCode {
  const { status } = FAILURES[code];
  if (status === 503) return EXIT.unreachable;
  return status === 400 ? EXIT.usage : EXIT.failed;
}

function report(terminal: Terminal, failure: CliFailure, json: boolean): void {
  const { message, lines, code, exitCode } = failure;
  if (json) {
    terminal.log(JSON.stringify({ error: { code: code ?? null, message, lines, exitCode } }));
    return;
  }
  const paint = exitCode === EXIT.interrupted ? 'yellow' : 'red';
  terminal.log(`${terminal.paintLog(paint, 'waybill:')} ${message}`);
  for (const line of lines) terminal.log(`  ${line}`);
}

const ENVIRONMENT = `
Settings:
  WAYBILL_URL            address of Waybill (default: http://127.0.0.1:8080)
  WAYBILL_CLIENT_ID      your client id
  WAYBILL_CLIENT_SECRET  your secret; or WAYBILL_CLIENT_SECRET_FILE, or --secret-file
  WAYBILL_LEDGER_URL     the ledger, for operators' commands
  NO_COLOR               no colours

Exit codes:
  0    done
  1    the export or the check failed
  2    wrong usage
  3    Waybill cannot be reached, or refuses the credentials
  130  Ctrl-C`;

/** The whole command line. @param version of the package. */
export function createProgram(cli: Cli, version: string): Command {
  const { terminal } = cli;
  const program = new Command('waybill')
    .description('Take your data out: order exports, watch, download, open and verify them')
    .version(version)
    .helpCommand(false)
    .addHelpText('after', ENVIRONMENT);

  program.commandsGroup('Exports:');
  const kinds = [exportCommand, exportsCommand, periodicCommand, recurringCommand, questionnairesCommand];
  for (const command of [...kinds, webhookCommand]) program.addCommand(command(cli));
  program.commandsGroup('Files, without a server:');
  for (const command of [openCommand(cli), verifyCommand(cli), composeCommand(cli), keygenCommand(cli)])
    program.addCommand(command);
  program.commandsGroup('Operators:');
  const operators = [tenantCommand, requestsCommand, sftpKeyCommand, schemaCommand];
  operators.push(ledgerCommand, auditCommand, operatorSecretCommand, explainCommand);
  for (const operator of [...operators, doctorCommand]) {
    program.addCommand(operator(cli));
  }

  forEach(program, (command) => {
    command
      .exitOverride()
      .showHelpAfterError('(--help shows what it takes)')
      .configureOutput({
        writeOut: (text) => void terminal.output.write(text),
        writeErr: (text) => void terminal.errors.write(text),
        outputError: (text, write) => write(terminal.paintLog('red', text)),
      })
      .configureHelp({ styleTitle: (title) => terminal.paint('bold', title) });
  });
  return program;
}

function forEach(command: Command, visit: (command: Command) => void): void {
  visit(command);
  for (const child of command.commands) forEach(child, visit);
}
