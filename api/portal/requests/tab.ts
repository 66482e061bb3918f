import { WaybillError } from '../../../contracts/failures.ts';
import { REQUESTS } from '../../../contracts/requests.ts';
import { InvalidFields } from '../../http/field-errors.ts';
import { offeredRealms } from '../../requests/order.ts';
import { createRequests, DuplicateRequest } from '../../requests/request.ts';
import { changesFilters } from '../components/filter-fields.ts';
import type { Notice } from '../components/notice.ts';
import type { PortalContext } from '../environment.ts';
import { changes } from '../live/stream.ts';
import type { Tab } from '../tab.ts';
import { mountDeletion } from './delete.ts';
import { FIELD_NAMES, type RequestFields, readRequestFields, requestBody, requestProblems } from './form.ts';
import { listFrame, readChoice, readList } from './list.ts';
import { duplicateNotice } from './notices.ts';
import { createShowRequests, keepDaysOf } from './page.ts';
import { REQUESTS_PAGE, REQUESTS_TAB } from './words.ts';

/** Requests of a year of a realm at most: making them, and the list of them. */
export const requestsTab: Tab = {
  path: REQUESTS_TAB,
  name: 'Data Export',
  reach: { door: REQUESTS, datasets: 'each' },
  keeps: FIELD_NAMES,
  isOffered: ({ catalog }) => offeredRealms(catalog).length > 0,
  mount(app, deps) {
    const requests = createRequests(deps);
    const show = createShowRequests(deps, requests);

    app.get(REQUESTS_TAB, (c) => show(c));
    app.post(REQUESTS_TAB, async (c) => {
      const form = readRequestFields(requests.realms(c.get('caller').limits), c.get('form'), deps.clock.now());
      if (!form) throw new WaybillError('not_found');
      // Another realm was chosen, and has other fields; or the form is to have more filters, or fewer.
      if (c.get('form').get('do') === 'choose' || changesFilters(c.get('form'))) return show(c, { form });
      const { body, problems } = requestBody(form);
      if (problems.length > 0) return show(c, { form, problems });
      return answer(c, () => requests.create(c.get('caller'), body), form);
    });
    app.get(
      `${REQUESTS_TAB}/events`,
      changes(deps, async (c) =>
        listFrame(c, deps, await readList(c, deps, requests, readChoice(c.req.query())), keepDaysOf(c, deps)),
      ),
    );
    app.post(`${REQUESTS_TAB}/:number{[1-9][0-9]{0,14}}/again`, async (c) =>
      answer(c, () => requests.resubmit(c.get('caller'), Number(c.req.param('number')))),
    );
    mountDeletion(app, deps, requests);

    /** Makes a request. What is wrong with the form is told at its fields, and its values are kept. */
    async function answer(c: PortalContext, make: () => Promise<unknown>, form?: RequestFields): Promise<Response> {
      try {
        await make();
        return c.redirect(`${REQUESTS_PAGE}#manage`, 303);
      } catch (error) {
        if (error instanceof InvalidFields) return show(c, { form, problems: requestProblems(error.errors) });
        return show(c, { form, notice: refusal(c, error) });
      }
    }
  },
};

/** @throws what is not for users */
function refusal(c: PortalContext, error: unknown): Notice {
  if (error instanceof DuplicateRequest) return duplicateNotice(error.request, c.get('times'));
  if (!(error instanceof WaybillError) || error.code === 'not_found') throw error;
  c.get('logger').warn({ err: error, code: error.code }, 'a request was not made');
  return { kind: 'bad', title: 'The request was not sent', text: error.message, isAnswer: true };
}
