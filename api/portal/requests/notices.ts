import { html } from 'hono/html';
import type { Catalog } from '../../../config/dataset.ts';
import { explainFailure } from '../../../contracts/request-failures.ts';
import type { Request } from '../../requests/view.ts';
import { button, linkButton, postForm } from '../components/field.ts';
import { counted, size } from '../components/figures.ts';
import type { Notice } from '../components/notice.ts';
import type { Times } from '../components/times.ts';
import type { Content } from '../shell/markup.ts';
import { days, formatText, longDay, REQUESTS_PAGE, realmTitle, requestAddress } from './words.ts';

/** The same data is there, or on its way. */
export function duplicateNotice({ id, state, run }: Request, times: Times): Notice {
  const told = { kind: 'bad', title: 'The request was not sent', isAnswer: true } as const;
  if (state !== 'Available' || run.expiresAt === null) {
    return {
      ...told,
      text: html`Request ${id} for the same data is submitted already. <a href="${requestAddress(id)}">See how far it is</a>`,
    };
  }
  return {
    ...told,
    text: html`Request ${id} holds the same data and is available until ${longDay(times.date(run.expiresAt)).replace(/ \d+$/, '')}. <a href="${requestAddress(id)}/file">Download it</a>`,
  };
}

/** What the page of one request says: mails link to it, and it asks whether to download now. */
export function requestNotice(
  request: Request,
  { catalog, times, again }: { readonly catalog: Catalog; readonly times: Times; readonly again: Content },
): Notice {
  const { id, realm, state, run } = request;
  const what = html`${realmTitle(catalog, realm)}, ${days(request)}, ${formatText(request)}`;
  switch (state) {
    case 'Available':
      return {
        icon: 'down',
        title: `Download request ${id} now?`,
        text: html`${what}: ${counted(run.rows ?? 0, 'row')}, ${size(run.contentBytes ?? 0)}.${run.expiresAt ? html` Kept until ${times.moment(run.expiresAt)}.` : ''}`,
        actions: [
          linkButton(`${requestAddress(id)}/file`, { label: 'Download', look: 'primary' }),
          linkButton(REQUESTS_PAGE, { label: 'Not now' }),
        ],
      };
    case 'Submitted':
      return {
        title: `Request ${id} is not fulfilled yet`,
        text: html`${what}. You can close this page; the list below says how far it is.`,
      };
    case 'Failed': {
      const { reason, advice } = explainFailure(run.failure);
      return {
        kind: 'bad',
        title: `Request ${id} could not be fulfilled`,
        text: html`${what}. ${reason} No file was made. ${advice}`,
        actions: again || undefined,
      };
    }
    case 'Expired':
      return {
        icon: 'expired',
        title: `The file of request ${id} is gone`,
        text: html`${what}. It was kept until ${run.expiresAt ? times.moment(run.expiresAt) : 'its date'}; then it was deleted. Request the data again to have it made anew.`,
        actions: again || undefined,
      };
  }
}

/** The button that requests the same data again. */
export function againButton({ id }: Request, csrf: string): Content {
  return postForm(
    `${requestAddress(id)}/again`,
    csrf,
    button({ label: 'Resubmit', look: 'primary', busy: 'Requesting…' }),
  );
}
