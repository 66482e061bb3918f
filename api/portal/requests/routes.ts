import { html } from 'hono/html';
import { WaybillError } from '../../../contracts/failures.ts';
import { sendRequest } from '../../requests/download.ts';
import { createRequests, type Request } from '../../requests/request.ts';
import { linkButton } from '../components/field.ts';
import { counted, size } from '../components/figures.ts';
import { type Notice, notice } from '../components/notice.ts';
import { pageHead } from '../components/panel.ts';
import type { Times } from '../components/times.ts';
import { apiContext, PORTAL_PATH, type PortalApp, type PortalContext } from '../environment.ts';
import { PageError } from '../shell/errors.ts';
import type { PortalDeps } from '../tab.ts';

const PATH = '/requests/:number{[1-9][0-9]{0,14}}';

/** Mounts the page of one request, which mails link to: it asks whether to download now. */
export function mountRequestPage(app: PortalApp, deps: PortalDeps): void {
  const requests = createRequests(deps);
  const find = (c: PortalContext) => requests.find(c.get('caller'), Number(c.req.param('number')));

  app.get(PATH, async (c) => {
    const request = await find(c);
    const { id, realm, startDate, endDate, format } = request;
    const title = `Request ${id}`;
    const text = `${realm}, ${startDate} to ${endDate}, both days included, ${format}`;
    const content = html`${notice(noticeOf(request, c.get('times')))}${pageHead({ title, text })}`;
    return deps.shell.page(c, { title, content });
  });

  app.get(`${PATH}/file`, async (c) => {
    try {
      return await sendRequest(apiContext(c), deps, await find(c));
    } catch (error) {
      if (error instanceof WaybillError && error.code === 'not_available') {
        throw new PageError(404, 'There is no file', error.message);
      }
      throw error;
    }
  });
}

/** @throws PageError 410 once the request has expired */
function noticeOf({ id, state, run }: Request, times: Times): Notice {
  switch (state) {
    case 'Available':
      return {
        icon: 'down',
        title: `Download request ${id} now?`,
        text: html`${counted(run.rows ?? 0, 'row')}, ${size(run.contentBytes ?? 0)}.${run.expiresAt ? html` Kept until ${times.exact(run.expiresAt)}.` : ''}`,
        actions: [
          linkButton(`${PORTAL_PATH}/requests/${id}/file`, { label: 'Download', look: 'primary' }),
          linkButton(PORTAL_PATH, { label: 'Not now' }),
        ],
      };
    case 'Submitted':
      return { title: `Request ${id} is not fulfilled yet`, text: 'A mail tells you when its file is there.' };
    case 'Failed':
      return {
        kind: 'bad',
        title: `Request ${id} has failed`,
        text: run.failure?.message ?? 'Request the data again.',
      };
    case 'Expired':
      throw new PageError(
        410,
        `The file of request ${id} is gone`,
        `It was kept until ${run.expiresAt?.toISOString().slice(0, 10) ?? 'its date'}. Request the data again to have it made anew.`,
      );
  }
}
