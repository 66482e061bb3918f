import { Command, Option } from 'commander';
import {
  ALL_STATUSES,
  ARCHIVE_TYPE_NAMES,
  ARCHIVE_TYPES,
  type ArchiveType,
  INTERVIEW_STATUS_NAMES,
  type InterviewStatus,
} from '../../contracts/questionnaires.ts';
import { ExportJob, QuestionnairesAnswer } from '../../contracts/views/questionnaires.ts';
import { addExamples, type Cli } from '../cli.ts';
import { CliFailure, EXIT } from '../failure.ts';
import { receive } from '../files/receive.ts';
import { checkTarget, saveWhole, targetFile } from '../files/save.ts';
import { addClientOptions, type Client, type ClientOptions, connect, readJson } from '../http/client.ts';
import { formatBytes } from '../screen/figures.ts';
import { displayTransfer } from '../screen/progress.ts';
import { plain, tableLines } from '../screen/terminal.ts';
import { type FollowOptions, followArchive } from './follow.ts';

const JOBS_PATH = 'api/v2/export';
/** In one list; nobody has as many versions. */
const VERSIONS_MAX = 1000;
const RETRY_MS = 1_000;

export function questionnairesCommand(cli: Cli): Command {
  return new Command('questionnaires')
    .description('List questionnaires, and make and download their archives')
    .addCommand(listCommand(cli))
    .addCommand(archiveCommand(cli));
}

function listCommand(cli: Cli): Command {
  const command = new Command('list').description('List the versions of your questionnaires');
  return addClientOptions(command).action(async (options: ClientOptions) => {
    const { terminal } = cli;
    const path = `api/v1/questionnaires?limit=${VERSIONS_MAX}`;
    const { Questionnaires: versions } = await connect(cli, options).json(QuestionnairesAnswer, path);
    if (options.json) return terminal.printJson(versions);
    if (versions.length === 0) return terminal.log('No questionnaires.');
    const rows = versions.map((version) => [
      ...[version.QuestionnaireIdentity, plain(version.Variable), plain(version.Title)],
    ]);
    terminal.print(
      ...tableLines(terminal, [{ title: 'QUESTIONNAIRE' }, { title: 'VARIABLE' }, { title: 'TITLE' }], rows),
    );
  });
}

interface ArchiveOptions extends ClientOptions {
  readonly type: ArchiveType;
  readonly status?: InterviewStatus;
  readonly from?: string;
  readonly to?: string;
  readonly output: string;
  readonly force?: boolean;
}

function archiveCommand(cli: Cli): Command {
  const command = new Command('archive')
    .description('Make the archive of a questionnaire anew, show the progress, and download it')
    .argument('<questionnaire>', 'GUID, $ and version, as "waybill questionnaires list" shows it')
    .addOption(new Option('--type <type>', 'what it holds').choices(ARCHIVE_TYPES).default('tabular'))
    .addOption(
      new Option('--status <status>', 'only interviews of this status').choices([
        ALL_STATUSES,
        ...INTERVIEW_STATUS_NAMES,
      ]),
    )
    .option('--from <time>', 'only interviews that changed last at this time or later')
    .option('--to <time>', 'at this time or before')
    .option('-o, --output <file>', 'file, or directory in which it gets its own name', '.')
    .option('--force', 'replace an existing file');
  addExamples(
    command,
    "waybill questionnaires archive '74e2d30854914e24af6beae9be64130c$1' --type spss",
    "waybill questionnaires archive '74e2d30854914e24af6beae9be64130c$1' --status Completed -o completed.zip",
  );
  return addClientOptions(command).action(async (questionnaire: string, options: ArchiveOptions) => {
    checkTarget(options.output, options.force ?? false);
    const following = { client: connect(cli, options), signal: cli.interruptible(), quiet: options.json === true };
    const started = await start(following.client, questionnaire, options);
    const job = await followArchive(cli, `${JOBS_PATH}/${started.JobId}`, following);
    if (job.ExportStatus !== 'Completed') {
      const stopped = 'The archive was cancelled.';
      throw new CliFailure(EXIT.failed, plain(job.Error ?? stopped));
    }
    const saved = await download(cli, job, following, options);
    if (options.json) return cli.terminal.printJson({ ...saved, jobId: job.JobId });
    cli.terminal.print(saved.file);
  });
}

/** @returns the job, new or under way */
async function start(client: Client, id: string, { type, status, from, to }: ArchiveOptions): Promise<ExportJob> {
  const body = {
    ...{ QuestionnaireId: id, ExportType: ARCHIVE_TYPE_NAMES[type] },
    ...{ InterviewStatus: status ?? null, From: from ?? null, To: to ?? null },
  };
  return readJson(ExportJob, await client.call('POST', JOBS_PATH, { body }));
}

/** Saves the archive under its own name, or the one that was asked for; a broken connection is taken up where it broke. */
async function download(
  cli: Cli,
  { JobId }: ExportJob,
  { client, signal, quiet }: FollowOptions,
  { output, force = false }: ArchiveOptions,
) {
  const request = (headers: Readonly<Record<string, string>>) =>
    client.call('GET', `${JOBS_PATH}/${JobId}/file`, { headers, signal });
  const answer = await request({ 'accept-encoding': 'identity' });
  const { headers } = answer;
  const [, name = `${JobId}.zip`] = /filename="([\w.-]+)"/.exec(headers.get('content-disposition') ?? '') ?? [];
  const file = targetFile(output, name, force);
  const bytesTotal = Number(headers.get('content-length'));
  let unread: Response | undefined = answer;
  async function next(headers: Readonly<Record<string, string>>): Promise<Response> {
    const first = unread;
    unread = undefined;
    return first ?? request(headers);
  }
  const bytes = await displayTransfer(cli.terminal, { label: 'download', quiet }, (show) => {
    async function* shown() {
      let done = 0;
      for await (const chunk of receive({
        ...{ request: next, offset: 0, bytesTotal, ranges: true, retryMs: RETRY_MS, signal },
      })) {
        done += chunk.length;
        show(done, bytesTotal);
        yield chunk;
      }
    }
    return saveWhole(shown(), file);
  });
  if (!quiet) cli.terminal.logDone(`saved ${file} (${formatBytes(bytes)})`);
  return { file, bytes };
}
