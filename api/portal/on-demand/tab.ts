import { createCatalog } from '../../../config/catalog.ts';
import type { Catalog } from '../../../config/dataset.ts';
import { WaybillError } from '../../../contracts/failures.ts';
import { mayUseDataset } from '../../../contracts/limits.ts';
import { ON_DEMAND } from '../../../contracts/run.ts';
import { InvalidFields } from '../../http/field-errors.ts';
import { auditOrder } from '../../on-demand/create.ts';
import { parseOrder } from '../../on-demand/order.ts';
import { offeredDatasets } from '../../on-demand/parameters.ts';
import { changesFilters } from '../components/filter-fields.ts';
import { apiContext, PORTAL_PATH, type PortalContext } from '../environment.ts';
import { changes } from '../live/stream.ts';
import { mountRunPages } from '../run/routes.ts';
import type { PortalDeps, Tab } from '../tab.ts';
import { exportsFragment, readExports } from './list.ts';
import { FIELD_NAMES, formProblems, type OrderForm, orderBody, readOrderForm } from './order-form.ts';
import { ON_DEMAND_PATH, type OnDemandPage, onDemandPage } from './page.ts';
import { createReadPreview, type ReadPreview } from './preview.ts';
import { previewPanel } from './preview-panel.ts';

/** Exports on demand: ordering them, and the list of them. */
export const onDemandTab: Tab = {
  path: ON_DEMAND_PATH,
  name: 'On demand',
  reach: { door: ON_DEMAND, datasets: 'each' },
  keeps: FIELD_NAMES,
  isOffered: ({ catalog }) => offeredDatasets(catalog).length > 0,
  mount(app, deps) {
    const readPreview = createReadPreview(deps);
    app.get(ON_DEMAND_PATH, async (c) =>
      show(c, deps, { form: readOrderForm(seenBy(c, deps.catalog), new URL(c.req.url).searchParams) }),
    );
    app.post(ON_DEMAND_PATH, async (c) => {
      const form = readOrderForm(deps.catalog, c.get('form'));
      if (!form) throw new WaybillError('not_found');
      // Another dataset was chosen, and has other columns; or the form is to have more filters, or fewer.
      if (c.get('form').get('do') === 'choose' || changesFilters(c.get('form'))) return show(c, deps, { form });
      return answerForm(c, deps, readPreview, form);
    });
    app.get(
      `${ON_DEMAND_PATH}/events`,
      changes(deps, async (c) => ({ fragments: [exportsFragment(c, deps.catalog, await readExports(c, deps, null))] })),
    );
    mountRunPages(app, deps);
  },
};

async function show(
  c: PortalContext,
  deps: PortalDeps,
  shown: Pick<OnDemandPage, 'form' | 'problems' | 'notice' | 'preview'>,
) {
  const cursor = c.req.query('cursor') ?? null;
  const list = await readExports(c, deps, cursor);
  return deps.shell.page(
    c,
    onDemandPage(
      c,
      { catalog: deps.catalog, seen: seenBy(c, deps.catalog) },
      { ...shown, list, isNewest: cursor === null },
    ),
  );
}

/** Does what the button of the form says. What is wrong with the form is told at its fields, and its values are kept. */
async function answerForm(
  c: PortalContext,
  deps: PortalDeps,
  readPreview: ReadPreview,
  form: OrderForm,
): Promise<Response> {
  const wanted = c.get('form').get('do');
  const { tenant, limits } = c.get('caller');
  const { body, problems } = orderBody(form, c.get('times').zone);
  if (problems.length > 0) return show(c, deps, { form, problems });
  const failed = wanted === 'order' ? 'The export was not ordered' : 'There is no preview';
  try {
    const named = parseOrder(body, tenant.key, {
      catalog: deps.catalog,
      keepDaysMax: deps.settings.WAYBILL_KEEP_DAYS,
      limits,
    });
    if (wanted !== 'order') {
      const preview = await readPreview(named.order, c.req.raw.signal);
      return await show(c, deps, { form, preview: previewPanel(preview, named.order, c.get('times')) });
    }
    const run = await deps.runs.submit(tenant, named, null);
    await auditOrder(apiContext(c), deps, run, 'export.requested', named);
    return c.redirect(`${PORTAL_PATH}${ON_DEMAND_PATH}#yours`, 303);
  } catch (error) {
    if (error instanceof InvalidFields) return show(c, deps, { form, problems: formProblems(error.errors, form) });
    if (!(error instanceof WaybillError)) throw error;
    c.get('logger').warn({ err: error, code: error.code }, 'the form of an export was not carried out');
    return show(c, deps, { form, notice: { kind: 'bad', title: failed, text: error.message, isAnswer: true } });
  }
}

/** The datasets that the caller's limits allow. */
function seenBy(c: PortalContext, catalog: Catalog): Catalog {
  const { limits } = c.get('caller');
  return createCatalog(catalog.datasets.filter(({ name }) => mayUseDataset(limits, name)));
}
