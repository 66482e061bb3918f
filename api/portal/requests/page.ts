import { html } from 'hono/html';
import { nextBatch } from '../../../config/batch-times.ts';
import { requestAddresses } from '../../../stores/ledger/request-addresses.ts';
import type { Requests } from '../../requests/request.ts';
import { linkButton } from '../components/field.ts';
import { counted } from '../components/figures.ts';
import { errorSummary, type FieldProblem, type Notice, notice } from '../components/notice.ts';
import { pageHead } from '../components/panel.ts';
import { mayWrite, type PortalContext } from '../environment.ts';
import type { Content, Markup } from '../shell/markup.ts';
import type { PortalDeps } from '../tab.ts';
import { type RequestFields, readRequestFields } from './form.ts';
import { fieldsPanel, formPanel } from './form-panel.ts';
import { eventsAddress, listPanel, readChoice, readList } from './list.ts';
import { REQUESTS_TAB } from './words.ts';

/** What a page of requests says besides the form and the list. */
export interface RequestsPage {
  /** Absent: as its address says. */
  readonly form?: RequestFields | undefined;
  readonly problems?: readonly FieldProblem[];
  readonly notice?: Notice;
  /** @default Data Export */
  readonly title?: string;
  /** @default 200, or 422 with problems */
  readonly status?: 200 | 410 | 422;
}

/** Shows the page of the tab: the form of a request, the fields of its realm, and the tenant's requests. */
export type ShowRequests = (c: PortalContext, shown?: RequestsPage) => Promise<Response>;

export function createShowRequests(deps: PortalDeps, requests: Requests): ShowRequests {
  const { catalog, clock, ledger, settings } = deps;

  async function formOf(c: PortalContext, form: RequestFields, problems: readonly FieldProblem[]): Promise<Content> {
    if (!mayWrite(c)) {
      const text = 'Requesting and deleting take a credential that may write.';
      return notice({ title: 'You may look and download', text });
    }
    const { tenant, actor, limits } = c.get('caller');
    const { WAYBILL_REQUESTS_SCHEDULE, WAYBILL_REQUESTS_TIME_ZONE, WAYBILL_SMTP_URL } = settings;
    return formPanel(form, {
      realms: requests.realms(limits),
      problems,
      csrf: c.get('csrf'),
      times: c.get('times'),
      startsAt: nextBatch(WAYBILL_REQUESTS_SCHEDULE, WAYBILL_REQUESTS_TIME_ZONE, clock.now()),
      addresses: WAYBILL_SMTP_URL ? await requestAddresses(ledger, { tenant: tenant.key, requestedBy: actor }) : [],
    });
  }

  return async function showRequests(
    c,
    { form: sent, problems = [], notice: told, title = 'Data Export', status } = {},
  ) {
    const choice = readChoice(c.req.query());
    const form =
      sent ?? readRequestFields(requests.realms(c.get('caller').limits), new URL(c.req.url).searchParams, clock.now());
    const list = await readList(c, deps, requests, choice);
    const keepDays = keepDaysOf(c, deps);
    const text = `Request records of a realm for up to a year; download them for ${counted(keepDays, 'day')} after they are ready.`;
    const isError = problems.length > 0 || (told?.kind === 'bad' && told.isAnswer === true);
    const listed: Markup = listPanel(c, catalog, list, keepDays);
    const actions = form && mayWrite(c) ? linkButton('#create', { label: 'New request', classes: 'jump' }) : undefined;
    const content = html`${problems.length > 0 ? errorSummary('The request was not sent', problems) : ''}${told ? notice(told) : ''}
${pageHead({ title: 'Data Export', text, ...(actions && { actions }) })}
${form ? html`<div class="split split--desk">${await formOf(c, form, problems)}\n${listed}\n${fieldsPanel(form.realm)}</div>` : listed}`;
    return deps.shell.page(c, {
      title: `${isError ? 'Error: ' : ''}${title}`,
      tab: REQUESTS_TAB,
      status: status ?? (isError ? 422 : 200),
      ...(choice.before === null && { live: eventsAddress(choice), scripts: mayWrite(c) ? ['choose.js'] : [] }),
      content,
    });
  };
}

/** Days that the files of the caller's requests are kept. */
export function keepDaysOf(c: PortalContext, { settings }: Pick<PortalDeps, 'settings'>): number {
  return c.get('caller').tenant.requestKeepDays ?? settings.WAYBILL_REQUESTS_KEEP_DAYS;
}
