import { html } from 'hono/html';
import type { Catalog } from '../../../config/dataset.ts';
import { button, choice, linkButton, postForm } from '../components/field.ts';
import { errorSummary, type FieldProblem } from '../components/notice.ts';
import { breadcrumb } from '../components/panel.ts';
import type { PortalContext } from '../environment.ts';
import type { Page } from '../shell/page.ts';
import { RECURRING_ADDRESS, RECURRING_PATH } from './calendar-panel.ts';
import type { KnownRecurring } from './known.ts';
import { entityChecks, fromField } from './registration-form.ts';

/**
 * Asks which entities the next run loads completely.
 * @param fields of the form, or of an address: `entity`, names separated by commas
 */
export function fullLoadPage(
  c: PortalContext,
  known: KnownRecurring,
  catalog: Catalog,
  { fields, problems = [] }: { readonly fields: URLSearchParams; readonly problems?: readonly FieldProblem[] },
): Page {
  const chosen = [...(fields.get('entity')?.split(',') ?? []), ...fields.getAll('entityList')];
  const only = new Set(known.files.filter((file) => file.active).map(({ dataset }) => dataset));
  const form = postForm(
    `${RECURRING_ADDRESS}/full-load`,
    c.get('csrf'),
    html`${choice({
      id: 'exportOption',
      legend: 'Load completely',
      name: 'exportOption',
      options: [
        { value: 'export all', label: 'All' },
        { value: 'export selected', label: 'Selected' },
      ],
      chosen: fields.get('exportOption') ?? 'export selected',
    })}
${entityChecks(catalog, { chosen, problems, only, hint: 'For “Selected”' })}
${fromField(fields.get('from') ?? '', problems, 'Empty: as before')}
<div class="row">${button({ label: 'Queue a full load', look: 'primary', busy: 'Queueing…' })}${linkButton(RECURRING_ADDRESS, { label: 'Leave it' })}</div>`,
    { classes: 'stack' },
  );
  return {
    title: `${problems.length > 0 ? 'Error: ' : ''}Queue a full load`,
    tab: RECURRING_PATH,
    status: problems.length > 0 ? 422 : 200,
    content: html`<div class="narrow stack">${problems.length > 0 ? errorSummary('No full load was queued', problems) : ''}${breadcrumb([[RECURRING_ADDRESS, 'Recurring']], 'Full load')}
<section class="panel" aria-labelledby="question"><div class="panel__body"><h1 id="question">Queue a full load?</h1>
<p>The next run delivers every row of these entities once more, and then goes on with what changes. Nothing is removed.</p>
${form}</div></section></div>`,
  };
}
