import { Command, Option } from 'commander';
import type { Manifest } from '../../contracts/manifest.ts';
import { isStatisticsFormat } from '../../contracts/order.ts';
import { type ChainReport, checkChain } from '../chain/chain.ts';
import type { DeliveredDays } from '../chain/place.ts';
import { findRemoteDays } from '../chain/remote-days.ts';
import { findDays } from '../chain/tree.ts';
import { addExamples, addJsonOption, type Cli, type JsonOption } from '../cli.ts';
import { EXIT } from '../failure.ts';
import { readIdentity } from '../files/keys.ts';
import { type LocatedFile, locateFiles, readManifest } from '../files/locate.ts';
import { readPassword } from '../files/password.ts';
import { checkSignature, envelopeBeside, readPublicKeys, type SignatureCheck } from '../files/signature.ts';
import { canOpen, type PartCheckResult, sumProblems, verifyFile } from '../files/verify.ts';
import { addCredentialOptions, type ClientOptions, connect } from '../http/client.ts';
import { chainLines } from '../screen/chain-lines.ts';
import { formatBytes, formatCount, formatNumberOf } from '../screen/figures.ts';
import { displayTransfer } from '../screen/progress.ts';
import type { Terminal } from '../screen/terminal.ts';

interface Options extends JsonOption, Pick<ClientOptions, 'clientId' | 'secretFile'> {
  readonly keyFile?: string;
  readonly keys?: string;
  readonly passwordFile?: string;
  readonly chain?: boolean;
}

export function verifyCommand(cli: Cli): Command {
  const command = new Command('verify')
    .description('Check files against their manifest: presence, rows, bytes and hashes')
    .argument('<path>', 'the manifest, or its directory; with --chain a directory, or the address of Waybill')
    .option('--key-file <file>', 'private key of sealed files: without it, their rows are not counted')
    .option('--password-file <file>', 'password of an archive; - reads standard input')
    .option('--keys <file>', 'public keys of the deployment: the manifest must be signed with one of them')
    .addOption(
      new Option(
        '--chain',
        'all days of recurring exports, in a directory or at Waybill, and that nothing is missing between',
      ).conflicts(['keyFile', 'passwordFile']),
    );
  addJsonOption(command);
  addCredentialOptions(command.optionsGroup('Connection, for an address:'));
  addExamples(
    command,
    'waybill verify flights.csv.zst.age.manifest.json --key-file key.txt',
    'waybill verify ./export',
    'waybill verify ./export --keys waybill-keys.json',
    'waybill verify --chain ./exports',
    'waybill verify --chain https://waybill.example.com --keys waybill-keys.json',
  );
  return command.action((path: string, options: Options) =>
    options.chain ? verifyChain(cli, path, options) : verify(cli, path, options),
  );
}

/** Exit code 1 if a file is missing or does not match. */
async function verify({ terminal, endWith }: Cli, given: string, options: Options): Promise<void> {
  const identity = options.keyFile === undefined ? undefined : readIdentity(options.keyFile);
  const password = options.passwordFile === undefined ? undefined : readPassword(options.passwordFile);
  const keys = options.keys === undefined ? undefined : readPublicKeys(options.keys);
  const read = readManifest(given);
  const { manifest } = read;
  const signature = await checkSignature(read.bytes, envelopeBeside(read.path), keys);
  const located = locateFiles(manifest, read.path);
  const quiet = options.json === true;
  const parts = await displayTransfer(terminal, { label: 'verify', quiet }, async (show) => {
    const bytesTotal = bytesToRead(manifest, located, identity);
    let bytesRead = 0;
    const results: PartCheckResult[] = [];
    for (const file of located) {
      const found = await verifyFile(manifest, file, { identity, password }, (bytes) => {
        bytesRead += bytes;
        show(bytesRead, bytesTotal);
      });
      results.push(...found);
    }
    return results;
  });
  const problems = [
    ...(signature.state === 'invalid' ? [`The manifest ${signature.problem}.`] : []),
    ...sumProblems(manifest),
    ...(located.length === 0 ? [noneLine(manifest)] : []),
    ...parts.flatMap(({ name, problems: own }) => own.map((problem) => `${name} ${problem}`)),
  ];
  const ok = problems.length === 0;
  if (!ok) endWith(EXIT.failed);
  const { runId, kind, rows, bytes } = manifest;
  if (options.json) {
    const formats = [...new Set(parts.map(({ format }) => format))];
    const rowsCounted = ok && parts.every((part) => part.rowsCounted !== null);
    const signedBy = signature.state === 'valid' ? signature.key.kid : null;
    return terminal.printJson({ runId, kind, ok, signedBy, formats, rowsCounted, rows, bytes, problems, parts });
  }
  if (ok) return terminal.print(...signatureLines(terminal, signature), ...verifiedLines(terminal, manifest, parts));
  for (const problem of problems) terminal.print(`${terminal.paint('red', '✗')} ${problem}`);
  terminal.print(`${formatNumberOf(problems.length, 'problem')} in run ${runId}`);
}

/** Exit code 1 if anything is missing, altered or out of place. */
async function verifyChain(cli: Cli, place: string, options: Options): Promise<void> {
  const { terminal, endWith } = cli;
  const keys = options.keys === undefined ? undefined : readPublicKeys(options.keys);
  const quiet = options.json === true;
  const delivered = await findDelivered(cli, place, options);
  const report = await displayTransfer(terminal, { label: 'verify', quiet }, (show) =>
    checkChain(delivered, keys, show),
  );
  if (!report.ok) endWith(EXIT.failed);
  if (options.json) return terminal.printJson(chainJson(report));
  terminal.print(...chainLines(terminal, report));
}

/** @param place a directory, or an http or https address */
async function findDelivered(cli: Cli, place: string, options: Options): Promise<DeliveredDays> {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(place)) return findDays(place);
  return findRemoteDays(connect(cli, { ...options, url: place }), cli.interruptible());
}

function chainJson({ ok, tenant, days, missingPredecessor, entities, problems }: ChainReport) {
  const signedBy = [...new Set(days.map((day) => day.signedBy))];
  return {
    ...{ ok, tenant, days: days.length, firstDay: days[0]?.day ?? null, lastDay: days.at(-1)?.day ?? null },
    ...{ missingPredecessor, signedBy: signedBy.length === 1 ? (signedBy[0] ?? null) : null, entities, problems },
  };
}

/** A stored file whose content is checked is read twice. */
function bytesToRead({ recipients }: Manifest, located: readonly LocatedFile[], identity: string | undefined): number {
  return located.reduce((sum, file) => {
    const times = file.form === 'stored' && canOpen(file, recipients.length > 0, identity) ? 2 : 1;
    return sum + times * file.pieces.reduce((bytes, { bytesThere }) => bytes + (bytesThere ?? 0), 0);
  }, 0);
}

function noneLine({ files }: Manifest): string {
  const names = files.slice(0, 3).map(({ file }) => file);
  return `None of its files is here: ${names.join(', ')}${files.length > names.length ? ' and so on' : ''}.`;
}

function signatureLines(terminal: Terminal, signature: SignatureCheck): readonly string[] {
  if (signature.state === 'valid') {
    return [`${terminal.paint('green', '✓')} the manifest is signed with key ${signature.key.kid}`];
  }
  if (signature.state !== 'unchecked') return [];
  return [`${terminal.paint('yellow', '!')} the signature of the manifest was not checked: --keys checks it`];
}

/** Describes the checks of files without problems, and what could not be checked. */
export function verifiedLines(
  terminal: Terminal,
  { recipients }: Pick<Manifest, 'recipients'>,
  results: readonly PartCheckResult[],
): readonly string[] {
  const groups = Map.groupBy(results, ({ format, form }) => `${format} ${form}`);
  return [...groups.values()].flatMap((group) => groupLines(terminal, recipients.length > 0, group));
}

/** @param results of one format and form */
function groupLines(terminal: Terminal, sealed: boolean, results: readonly PartCheckResult[]): readonly string[] {
  const [good, but] = [terminal.paint('green', '✓'), terminal.paint('yellow', '!')];
  const what = numberOf(results);
  const { form, format } = results[0] ?? {};
  const lines: string[] = [];
  if (form === 'stored') lines.push(`${good} ${what}${sealed ? ' sealed' : ''}: sizes and SHA-256 hold`);
  else if (!sealed) lines.push(`${good} ${what} opened: sizes and SHA-256 of the content hold`);
  else {
    lines.push(`${good} ${what} opened: sizes of the content hold`);
    lines.push(`${but} SHA-256 was not compared: the manifest has that of the sealed files only`);
  }
  if (format === 'zip')
    lines.push(
      ...results.map(({ entries }) => `${entries === 'compared' ? good : but} ${ENTRIES[entries ?? 'compared']}`),
    );
  else if (results.every(({ rowsCounted }) => rowsCounted !== null)) {
    const rows = results.reduce((sum, { rowsCounted }) => sum + (rowsCounted ?? 0), 0);
    lines.push(`${good} ${formatCount(rows)} rows counted in the content`);
  } else if (format === 'xlsx') lines.push(`${but} rows were not counted: they are packed in the workbook`);
  else if (format === 'parquet') lines.push(`${but} rows were not counted: a Parquet file has its own count`);
  else if (format && isStatisticsFormat(format)) lines.push(`${but} rows were not counted: the file has its own count`);
  else lines.push(`${but} rows were not counted: the files are sealed, --key-file opens them`);
  return lines;
}

const ENTRIES: Readonly<Record<NonNullable<PartCheckResult['entries']>, string>> = {
  compared: 'its entries are those of the manifest',
  password: 'its entries were not read: they have a password, --password-file opens them',
  sealed: 'its entries were not read: the archive is sealed; check what "waybill open" makes of it',
};

function numberOf(results: readonly PartCheckResult[]): string {
  const bytes = results.reduce((sum, { bytesThere }) => sum + (bytesThere ?? 0), 0);
  const files = new Set(results.map(({ file }) => file)).size;
  const parts = results.length > files ? ` in ${formatNumberOf(results.length, 'part')}` : '';
  return `${formatNumberOf(files, `${results[0]?.format} file`)}${parts}, ${formatBytes(bytes)}`;
}
