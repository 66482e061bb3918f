import { WaybillError } from '../../../contracts/failures.ts';
import { sendRequest } from '../../requests/download.ts';
import { createRequests } from '../../requests/request.ts';
import { apiContext, mayWrite, type PortalApp, type PortalContext } from '../environment.ts';
import { PageError } from '../shell/errors.ts';
import type { PortalDeps } from '../tab.ts';
import { againButton, requestNotice } from './notices.ts';
import { createShowRequests } from './page.ts';
import { REQUESTS_TAB } from './words.ts';

const PATH = `${REQUESTS_TAB}/:number{[1-9][0-9]{0,14}}`;

/** Mounts the page of one request, which mails link to: it asks whether to download now. */
export function mountRequestPage(app: PortalApp, deps: PortalDeps): void {
  const requests = createRequests(deps);
  const show = createShowRequests(deps, requests);
  const find = (c: PortalContext) => requests.find(c.get('caller'), Number(c.req.param('number')));

  app.get(PATH, async (c) => {
    const request = await find(c);
    const again = mayWrite(c) ? againButton(request, c.get('csrf')) : '';
    return show(c, {
      title: `Request ${request.id}`,
      notice: requestNotice(request, { catalog: deps.catalog, times: c.get('times'), again }),
      status: request.state === 'Expired' ? 410 : 200,
    });
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
