import { html } from 'hono/html';
import { stream } from 'hono/streaming';
import { isLimited } from '../../../contracts/limits.ts';
import { PERIODIC } from '../../../contracts/periodic.ts';
import { RECURRING } from '../../../contracts/recurring.ts';
import { attachment } from '../../http/download.ts';
import { button, field, linkButton, select } from '../components/field.ts';
import { grouped } from '../components/figures.ts';
import { icon } from '../components/icon.ts';
import { empty, errorSummary } from '../components/notice.ts';
import { pageHead } from '../components/panel.ts';
import { PORTAL_PATH, type PortalContext } from '../environment.ts';
import { PageError } from '../shell/errors.ts';
import { attribute, type Markup } from '../shell/markup.ts';
import type { PortalDeps, Tab } from '../tab.ts';
import { auditCsv } from './csv.ts';
import { nameOfActor } from './entry.ts';
import { type AuditForm, auditFilter, auditQuery, dayBefore, readAuditForm } from './filter.ts';
import { auditTable } from './list.ts';
import { GROUPS } from './words.ts';

const PATH = '/audit';
const HERE = `${PORTAL_PATH}${PATH}`;
const ON_PAGE = 50;
/** Names that the filter offers. */
const NAMES_MAX = 200;
const KINDS = [PERIODIC.kind, RECURRING.kind];

/** The tenant's audit trail. */
export const auditTab: Tab = {
  path: PATH,
  name: 'Audit',
  reach: null,
  mount(app, deps) {
    app.get(PATH, (c) => show(c, deps));
    app.get(`${PATH}/entries.csv`, (c) => {
      const { filter, problems } = read(c);
      if (problems[0]) throw new PageError(400, 'There is no such list', problems[0].message);
      const tenant = c.get('caller').tenant.key;
      const end = c.get('downloads').begin(tenant);
      c.header('Content-Type', 'text/csv; charset=utf-8');
      c.header('Content-Disposition', attachment('audit.csv'));
      return stream(
        c,
        async (body) => {
          try {
            for await (const chunk of auditCsv(deps, tenant, filter)) {
              if (body.aborted) return;
              await body.write(chunk);
            }
          } finally {
            end();
          }
        },
        async (error) => c.get('logger').error({ err: error }, 'a list of the audit trail broke off'),
      );
    });
  },
};

function read(c: PortalContext) {
  const { actor, limits } = c.get('caller');
  const asked = readAuditForm(new URL(c.req.url).searchParams);
  // A credential that is limited sees what it did itself.
  const form = isLimited(limits) ? { ...asked, who: actor } : asked;
  return { form, ...auditFilter(form, c.get('times').zone, KINDS) };
}

async function show(c: PortalContext, { ledger, catalog, shell }: PortalDeps) {
  const tenant = c.get('caller').tenant.key;
  const cursor = c.req.query('cursor') ?? null;
  const { form, filter, problems } = read(c);
  const isWrong = problems.length > 0;
  const [names, page] = await Promise.all([
    isLimited(c.get('caller').limits) ? [form.who] : ledger.audit.actors(tenant, NAMES_MAX),
    isWrong ? { rows: [], next: null } : ledger.audit.page(tenant, filter, { cursor, limit: ON_PAGE }),
  ]);
  const isOneDay = form.from !== '' && form.from === form.to;
  const { rows, next } = page;
  const download = linkButton(`${HERE}/entries.csv?${auditQuery(form)}`, {
    label: html`${icon('down')}Download as CSV`,
  });
  const list =
    rows.length === 0
      ? empty('No entries', isWrong ? 'Choose other dates.' : 'Nothing happened that meets this filter.', 2)
      : auditTable(rows, { catalog, times: c.get('times'), isOneDay });
  const newest = cursor === null ? '' : linkButton(`${HERE}?${auditQuery(form)}`, { label: 'Newest', isSmall: true });
  const older =
    next === null ? '' : linkButton(`${HERE}?${auditQuery(form, { cursor: next })}`, { label: 'Older', isSmall: true });
  const day = next === null ? dayBefore(form) : undefined;
  const before =
    day === undefined
      ? ''
      : linkButton(`${HERE}?${auditQuery({ ...form, from: day, to: day })}`, {
          label: 'The day before',
          isSmall: true,
        });
  return shell.page(c, {
    title: `${isWrong ? 'Error: ' : ''}Audit`,
    tab: PATH,
    status: isWrong ? 422 : 200,
    content: html`${isWrong ? errorSummary('The entries were not read', problems) : ''}
${pageHead({
  title: 'Audit',
  text: 'Every order, download, change and refusal. Entries cannot be changed.',
  ...(!isWrong && { actions: download }),
})}
<section class="panel" aria-label="Audit entries">${filterForm(form, names, problems)}
${list}
<div class="panel__foot"><span>${grouped(rows.length)}\u00A0${rows.length === 1 ? 'entry' : 'entries'}${cursor === null ? '' : ', older ones'}</span><span class="push row">${newest}${older}${before}</span></div></section>`,
  });
}

function filterForm(form: AuditForm, names: readonly string[], problems: Parameters<typeof errorSummary>[1]): Markup {
  const actors = names.includes(form.who) || form.who === '' ? names : [form.who, ...names];
  const day = (id: 'from' | 'to', label: string) =>
    field({
      id,
      label,
      problems,
      control: ({ described }) =>
        html`<input id="${id}" name="${id}" type="date"${attribute('value', form[id])}${described}>`,
    });
  return html`<form class="panel__body" method="get" action="${HERE}"><div class="bar">${field({
    id: 'who',
    label: 'Who',
    control: (props) =>
      select(
        props,
        'who',
        [{ value: '', label: 'Anybody' }, ...actors.map((value) => ({ value, label: nameOfActor(value) }))],
        form.who,
      ),
  })}${field({
    id: 'what',
    label: 'What',
    control: (props) => select(props, 'what', [{ value: '', label: 'Anything' }, ...GROUPS], form.what ?? ''),
  })}${day('from', 'From')}${day('to', 'To')}${button({ label: 'Show' })}</div></form>`;
}
