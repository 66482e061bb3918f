import { html } from 'hono/html';
import { WaybillError } from '../../../contracts/failures.ts';
import type { Requests } from '../../requests/request.ts';
import type { Request } from '../../requests/view.ts';
import { confirmation } from '../components/confirm.ts';
import { breadcrumb } from '../components/panel.ts';
import { mayWrite, type PortalApp, type PortalContext } from '../environment.ts';
import { PageError } from '../shell/errors.ts';
import type { PortalDeps } from '../tab.ts';
import { deletionWords } from './deletion-words.ts';
import { REQUESTS_PAGE, REQUESTS_TAB, requestAddress } from './words.ts';

const PATH = `${REQUESTS_TAB}/delete`;

/** Requests that are deleted at once at most: their numbers are in the form. */
const AT_ONCE_MAX = 1000;

/** Mounts the page that asks before requests are deleted: one, those that were chosen, all that have expired, or all. */
export function mountDeletion(app: PortalApp, deps: Pick<PortalDeps, 'catalog' | 'shell'>, requests: Requests): void {
  app.get(PATH, async (c) => {
    if (!mayWrite(c)) throw new WaybillError('insufficient_scope');
    const { found, more } = await wanted(c);
    const [first, ...others] = found;
    if (!first) return c.redirect(REQUESTS_PAGE, 303);
    const words = deletionWords(found, { catalog: deps.catalog, more });
    const crumbs = [[REQUESTS_PAGE, 'Data Export']] as const;
    const content = confirmation({
      crumbs: breadcrumb(
        others.length === 0 ? [...crumbs, [requestAddress(first.id), `Request ${first.id}`]] : crumbs,
        'Delete',
      ),
      ...words,
      action: `${REQUESTS_PAGE}/delete`,
      csrf: c.get('csrf'),
      fields: html`<input type="hidden" name="ids" value="${found.map(({ id }) => id).join(',')}">`,
      keep: REQUESTS_PAGE,
      keepLabel: others.length > 0 ? 'Keep them' : 'Keep it',
    });
    return deps.shell.page(c, { title: words.question, tab: REQUESTS_TAB, content });
  });

  app.post(PATH, async (c) => {
    const ids = (c.get('form').get('ids') ?? '').split(',');
    if (ids.length > AT_ONCE_MAX || !ids.every(isId)) throw new WaybillError('not_found');
    try {
      await requests.remove(c.get('caller'), ids.map(Number));
    } catch (error) {
      if (!(error instanceof WaybillError) || error.code !== 'not_found') throw error;
      throw new PageError(404, 'Nothing was deleted', error.message);
    }
    return c.redirect(`${REQUESTS_PAGE}#manage`, 303);
  });

  /** @returns the requests that the address names; `more`: that there are more of that kind */
  async function wanted(c: PortalContext): Promise<{ readonly found: readonly Request[]; readonly more: boolean }> {
    const caller = c.get('caller');
    const kind = c.req.query('state');
    if (kind === 'expired' || kind === 'all') {
      const state = kind === 'expired' ? 'Expired' : undefined;
      const page = await requests.list(caller, { before: null, limit: AT_ONCE_MAX, state });
      return { found: page.requests, more: page.next !== null };
    }
    const ids = [...new Set(c.req.queries('id') ?? [])].filter(isId).slice(0, CHOSEN_MAX);
    if (ids.length === 0)
      throw new PageError(400, 'No request is chosen', 'Go back, and choose one or more in the list.');
    return { found: await Promise.all(ids.map((id) => requests.find(caller, Number(id)))), more: false };
  }
}

/** More than a page of the list has. */
const CHOSEN_MAX = 100;

function isId(text: string): boolean {
  return /^[1-9]\d{0,14}$/.test(text);
}
