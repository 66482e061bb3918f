import { Command } from 'commander';
import type { Cli } from './cli.ts';
import { auditCommand } from './commands/audit.ts';
import { doctorCommand } from './commands/doctor.ts';
import { exportCommand } from './commands/export.ts';
import { exportsCommand } from './commands/exports.ts';
import { keygenCommand } from './commands/keygen.ts';
import { ledgerCommand } from './commands/ledger.ts';
import { openCommand } from './commands/open.ts';
import { periodicCommand } from './commands/periodic.ts';
import { tenantCommand } from './commands/tenant.ts';
import { verifyCommand } from './commands/verify.ts';

const ENVIRONMENT = `
Settings:
  WAYBILL_URL            where Waybill answers (default: http://127.0.0.1:8080)
  WAYBILL_CLIENT_ID      who you are
  WAYBILL_CLIENT_SECRET  your secret; or WAYBILL_CLIENT_SECRET_FILE, or --secret-file
  WAYBILL_LEDGER_URL     the ledger, for operators' commands
  NO_COLOR               no colours

Ends with:
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
  for (const command of [exportCommand(cli), exportsCommand(cli), periodicCommand(cli)]) program.addCommand(command);
  program.commandsGroup('Files, without a server:');
  for (const command of [openCommand(cli), verifyCommand(cli), keygenCommand(cli)]) program.addCommand(command);
  program.commandsGroup('Operators:');
  for (const command of [tenantCommand(cli), ledgerCommand(cli), auditCommand(cli), doctorCommand(cli)]) {
    program.addCommand(command);
  }

  forEach(program, (command) => {
    command
      .exitOverride()
      .showHelpAfterError('(--help shows what it takes)')
      .configureOutput({
        writeOut: (text) => void terminal.output.write(text),
        writeErr: (text) => void terminal.errors.write(text),
        outputError: (text, write) => write(terminal.paintTold('red', text)),
      })
      .configureHelp({ styleTitle: (title) => terminal.paint('bold', title) });
  });
  return program;
}

function forEach(command: Command, visit: (command: Command) => void): void {
  visit(command);
  for (const child of command.commands) forEach(child, visit);
}
