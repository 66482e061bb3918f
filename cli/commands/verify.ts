import { Command } from 'commander';
import { addExamples, addJsonOption, type Cli } from '../cli.ts';
import { readIdentity } from '../files/identity.ts';
import { readManifest } from '../files/locate.ts';
import { verifyExport } from './verify-export.ts';
import { verifyGeneration } from './verify-generation.ts';

interface Options {
  readonly keyFile?: string;
  readonly json?: boolean;
}

export function verifyCommand(cli: Cli): Command {
  const command = new Command('verify')
    .description('Check files against their manifest, without a server: that all are there, rows, bytes and hashes')
    .argument('<path>', 'the manifest of an export or of periodic files, or its directory; the files lie beside it')
    .option('--key-file <file>', 'private key of sealed files: without it, their rows are not counted');
  addJsonOption(command);
  addExamples(
    command,
    'waybill verify flights.csv.zst.age.manifest.json --key-file key.txt',
    'waybill verify ./export',
  );
  return command.action((path: string, options: Options) => {
    const identity = options.keyFile === undefined ? undefined : readIdentity(options.keyFile);
    const found = readManifest(path);
    const how = { identity, json: options.json === true };
    return 'manifest' in found ? verifyExport(cli, found, how) : verifyGeneration(cli, found, how);
  });
}
