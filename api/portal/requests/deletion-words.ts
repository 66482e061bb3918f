import type { Catalog } from '../../../config/dataset.ts';
import { REQUEST_STATES } from '../../../contracts/requests.ts';
import type { Request } from '../../requests/view.ts';
import type { Confirmation } from '../components/confirm.ts';
import { counted, grouped, size } from '../components/figures.ts';
import type { Content } from '../shell/markup.ts';
import { days, formatText, realmTitle } from './words.ts';

/** Numbers that are named one by one. */
const NAMED_MAX = 10;

const IRREVOCABLE =
  'cannot be brought back. You can request the same data again; the new file holds what the warehouse has then.';

/** What the page that asks before a deletion says. @param requests at least one. @param more whether there are more of them, which stay */
export function deletionWords(
  requests: readonly Request[],
  { catalog, more }: { readonly catalog: Catalog; readonly more: boolean },
): Pick<Confirmation, 'question' | 'lost' | 'consequence' | 'verb'> {
  const [only, ...others] = requests;
  if (only && others.length === 0) return oneDeletion(only, catalog);
  const files = requests.filter(({ state }) => state === 'Available');
  const states = REQUEST_STATES.flatMap((state) => {
    const count = requests.filter((request) => request.state === state).length;
    return count > 0 ? [`${grouped(count)} ${state}`] : [];
  });
  const lost: [string, Content][] = [
    ['Requests', numbers(requests)],
    ['States', states.join(', ')],
  ];
  if (files.length > 0) {
    const unread = files.filter(({ run }) => run.downloadedAt === null).length;
    const bytes = files.reduce((sum, { run }) => sum + (run.contentBytes ?? 0), 0);
    lost.push([
      'Files',
      [`${grouped(files.length)}, `, size(bytes), ` together; ${grouped(unread)} not downloaded yet`],
    ]);
  }
  if (more) lost.push(['Stay', 'There are more, older ones. Delete again for those.']);
  const what = files.length > 0 ? 'requests and their files' : 'requests';
  return {
    question: `Delete ${grouped(requests.length)} ${what}?`,
    lost,
    consequence: files.length > 0 ? `The files ${IRREVOCABLE}` : goneText(requests, 'They disappear'),
    verb: files.length > 0 ? 'Delete requests and files' : 'Delete requests',
  };
}

function oneDeletion(request: Request, catalog: Catalog): ReturnType<typeof deletionWords> {
  const { id, realm, state, run } = request;
  const asked: [string, Content][] = [
    ['Request', `${realmTitle(catalog, realm)}, ${formatText(request)}`],
    ['Window', days(request)],
  ];
  if (state === 'Available') {
    const downloaded = run.downloadedAt === null ? 'not downloaded yet' : 'downloaded';
    const file = [counted(run.rows ?? 0, 'row'), ', ', size(run.contentBytes ?? 0), `; ${downloaded}`];
    return {
      question: `Delete request ${id} and its file?`,
      lost: [...asked, ['File', file]],
      consequence: `The file ${IRREVOCABLE}`,
      verb: 'Delete request and file',
    };
  }
  const isRunning = run.state === 'running';
  return {
    question: isRunning ? `Cancel request ${id}?` : `Delete request ${id}?`,
    lost: [...asked, ['File', state === 'Submitted' ? 'not made yet' : 'none']],
    consequence: isRunning
      ? 'What was written so far is removed, and no file is made. You can request the same data again.'
      : goneText([request], 'It disappears'),
    verb: isRunning ? 'Cancel request' : 'Delete request',
  };
}

function numbers(requests: readonly Request[]): string {
  const named = requests.slice(0, NAMED_MAX).map(({ id }) => id);
  const rest = requests.length - named.length;
  return rest > 0 ? `${named.join(', ')} and ${grouped(rest)} more` : named.join(', ');
}

function goneText(requests: readonly Request[], subject: string): string {
  const waits = requests.some(({ state }) => state === 'Submitted');
  return `${subject} from the list${waits ? ', and no file is made' : ''}. You can request the same data again.`;
}
