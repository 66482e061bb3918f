import { execa } from 'execa';
import { pythonWith } from '../stack/python.ts';

/** What each published client begins with: it is unmodified, from PyPI, and calls as the tenant acme. */
const GENERATIONS = {
  first: {
    package: 'ssaw==0.0.3',
    prelude: `
from ssaw.headquarters import Headquarters
hq = Headquarters(sys.argv[1], 'acme', 'acme-demo-secret')
`,
  },
  second: {
    package: 'ssaw==0.9',
    prelude: `
from ssaw import Client, ExportApi, QuestionnairesApi
from ssaw.models import ExportJob
client = Client(sys.argv[1], 'acme', 'acme-demo-secret')
`,
  },
} as const;

/**
 * Runs a script with a published client of Survey Solutions.
 *
 * @param script Python, whose last line of output is JSON. The client is `hq` in the first generation, `client` in the second
 * @param words `sys.argv` from its third on
 */
export async function runSurveyClient<Answer>(
  generation: keyof typeof GENERATIONS,
  url: string,
  script: string,
  ...words: readonly string[]
): Promise<Answer> {
  const { package: name, prelude } = GENERATIONS[generation];
  const python = await pythonWith([name]);
  const { stdout } = await execa(python, ['-c', `import json, sys, time${prelude}${script}`, url, ...words]);
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? 'null') as Answer;
}

const FIRST_GENERATION = `
questionnaires = hq.questionnaires()
identity = questionnaires[0].questionnaire_identity
started = hq.export.start(identity, 'Paradata')
while hq.export.get_info(identity, 'Paradata')['RunningProcess']: time.sleep(0.2)
print(json.dumps({'started': started, 'identity': identity, 'title': questionnaires[0].title, 'statuses': hq.questionnaires.statuses(), 'file': hq.export.get(identity, sys.argv[2], 'Paradata')}))
`;

/** Lists, starts, waits and downloads paradata with the client of the first generation. @param folder where its file goes */
export function fetchParadata(url: string, folder: string) {
  return runSurveyClient<{
    readonly started: boolean;
    readonly identity: string;
    readonly title: string;
    readonly statuses: readonly string[];
    readonly file: string;
  }>('first', url, FIRST_GENERATION, folder);
}

const SECOND_GENERATION = `
api = ExportApi(client)
identity = ('74e2d308-5491-4e24-af6b-eae9be64130c', 1)
file = api.get(identity, export_type='Tabular', interview_status='Completed', export_path=sys.argv[2], generate=True, limit_age=60)
jobs = list(api.get_list(identity, export_status='Completed', has_file=True))
job = api.get_info(jobs[0].job_id)
again = api.get(identity, export_type='Tabular', interview_status='Completed', export_path=sys.argv[2])
api.cancel(job.job_id)
print(json.dumps({'file': file, 'again': again, 'job': job.export_status, 'progress': job.progress, 'statuses': QuestionnairesApi(client).statuses()}))
`;

/** Makes, finds and downloads text of completed interviews with the client of the second generation. */
export function fetchCompleted(url: string, folder: string) {
  return runSurveyClient<{
    readonly file: string;
    readonly again: string;
    readonly job: string;
    readonly progress: number;
  }>('second', url, SECOND_GENERATION, folder);
}
