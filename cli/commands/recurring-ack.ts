import { Command } from 'commander';
import { AckAnswer, ackPath } from '../../contracts/views/recurring.ts';
import { type DeliveredDay, readDays } from '../chain/days.ts';
import { ENTITY, measureFile } from '../chain/files.ts';
import { openJoined, pathsOf } from '../chain/pieces.ts';
import { findDays } from '../chain/tree.ts';
import { addExamples, type Cli } from '../cli.ts';
import { CliFailure, EXIT } from '../failure.ts';
import { addClientOptions, type ClientOptions, connect, readJson } from '../http/client.ts';
import { formatNumberOf } from '../screen/figures.ts';
import { displayTransfer, type ShowTransfer } from '../screen/progress.ts';

interface Options extends ClientOptions {
  readonly day?: string;
}

export function ackCommand(cli: Cli): Command {
  const command = new Command('ack')
    .description('Tell Waybill what was received of a day: rows and SHA-256 of the files on this disk')
    .argument('<directory>', 'the exports, as for verify --chain')
    .optionsGroup('Options:')
    .option('--day <day>', 'such as 2026-11-21 (default: the last one that is here)');
  addExamples(command, 'waybill recurring ack ./exports', 'waybill recurring ack ./exports --day 2026-11-21');
  return addClientOptions(command).action((directory: string, options: Options) =>
    acknowledge(cli, directory, options),
  );
}

/** Exit code 1 if an entity differs from what was delivered. */
async function acknowledge(cli: Cli, directory: string, options: Options): Promise<void> {
  const { terminal } = cli;
  const client = connect(cli, options);
  const { days, problems } = await readDays(findDays(directory), undefined);
  const day = options.day === undefined ? days.at(-1) : days.find((one) => one.day === options.day);
  if (!day) {
    const lines = problems.map(({ path, text }) => `${path}: ${text}`);
    throw new CliFailure(EXIT.failed, `There is no manifest of ${options.day ?? 'any day'} here.`, { lines });
  }
  const quiet = options.json === true;
  const files = await displayTransfer(terminal, { label: 'read', quiet }, (show) => receivedFiles(day, show));
  const signal = cli.interruptible();
  const answer = await client.call('POST', ackPath(day.manifest.runId), { body: { files }, signal });
  const { result } = await readJson(AckAnswer, answer);
  if (quiet) return terminal.printJson(result);
  terminal.logDone(`${day.day}: ${formatNumberOf(result.count, 'file')} acknowledged, as delivered`);
}

/** @returns what is on this disk; an entity whose file is not here is left out */
async function receivedFiles(day: DeliveredDay, show: ShowTransfer) {
  const { manifest } = day;
  const there = await day.list();
  const files = manifest.files.filter(({ rowsWanted, dataset }) => rowsWanted === undefined && ENTITY.test(dataset));
  const total = files.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  const received = [];
  for (const file of files) {
    const paths = pathsOf(manifest, file, there);
    if (!paths.every((path) => there.get(path))) continue;
    const onProgress = (bytes: number) => {
      done += bytes;
      show(done, total);
    };
    const { rows, sha256 } = await measureFile(openJoined(day, paths).bytes, manifest, file, {
      bytesMax: Infinity,
      onProgress,
    });
    received.push({ entity: file.dataset, rows: rows ?? file.rows, sha256 });
  }
  return received;
}
