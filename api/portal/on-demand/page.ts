import { html } from 'hono/html';
import type { Catalog } from '../../../config/dataset.ts';
import { offeredDatasets } from '../../on-demand/parameters.ts';
import { errorSummary, type FieldProblem, type Notice, notice } from '../components/notice.ts';
import { pageHead } from '../components/panel.ts';
import { mayWrite, PORTAL_PATH, type PortalContext } from '../environment.ts';
import type { Markup } from '../shell/markup.ts';
import type { Page } from '../shell/page.ts';
import type { PortalDeps } from '../tab.ts';
import { type ExportList, exportsPanel } from './list.ts';
import type { OrderForm } from './order-form.ts';
import { orderPanel } from './order-panel.ts';
import { noPreviewYet } from './preview-panel.ts';

export const ON_DEMAND_PATH = '/on-demand';

export interface OnDemandPage {
  /** `undefined`: no dataset is offered. */
  readonly form: OrderForm | undefined;
  readonly list: ExportList;
  readonly isNewest: boolean;
  readonly problems?: readonly FieldProblem[];
  readonly notice?: Notice;
  readonly preview?: Markup;
}

/** The page of exports on demand. @param seen the datasets that the caller may order */
export function onDemandPage(
  c: PortalContext,
  { catalog, seen }: Pick<PortalDeps, 'catalog'> & { readonly seen: Catalog },
  shown: OnDemandPage,
): Page {
  const { form, list, isNewest, problems = [], notice: told, preview } = shown;
  const writes = mayWrite(c);
  const order =
    form && writes
      ? orderPanel(form, {
          datasets: offeredDatasets(seen),
          problems,
          csrf: c.get('csrf'),
          zone: c.get('times').zone,
        })
      : '';
  const text = 'One dataset, one window, now. Look at the first rows and the count before you order.';
  return {
    title: `${problems.length > 0 ? 'Error: ' : ''}On demand`,
    tab: ON_DEMAND_PATH,
    status: problems.length > 0 ? 422 : 200,
    ...(isNewest && { live: `${PORTAL_PATH}${ON_DEMAND_PATH}/events` }),
    content: html`${problems.length > 0 ? errorSummary('The export was not ordered', problems) : ''}${told ? notice(told) : ''}
${pageHead({ title: 'On demand', text })}
${writes ? '' : notice({ title: 'You may look and download', text: 'Ordering and deleting take a credential that may write.' })}
${order ? html`<div class="split">${order}${preview ?? noPreviewYet()}</div>` : ''}
${exportsPanel(c, catalog, list, { isNewest })}`,
  };
}
