import { WaybillError } from '../../../contracts/failures.ts';
import { isRunId } from '../../../contracts/job-id.ts';
import { assertDataset } from '../../../contracts/limits.ts';
import { isActive } from '../../../contracts/progress.ts';
import { CANCELLED_RUN, ON_DEMAND } from '../../../contracts/run.ts';
import type { Run } from '../../../stores/ledger/ports.ts';
import { auditCaller, callerEntry } from '../../deps.ts';
import { attachment } from '../../http/download.ts';
import { resubmit } from '../../on-demand/create.ts';
import { fileHandler, manifestHandler, namedFileHandler, signatureHandler } from '../../on-demand/download.ts';
import { exportState, manifestStem, orderOf } from '../../on-demand/view.ts';
import { cancelRun, removeFiles } from '../../runs/remove.ts';
import { confirmation } from '../components/confirm.ts';
import { counted, size } from '../components/figures.ts';
import { breadcrumb } from '../components/panel.ts';
import { apiContext, mayWrite, PORTAL_PATH, type PortalApp, type PortalContext } from '../environment.ts';
import { changes } from '../live/stream.ts';
import { ON_DEMAND_PATH } from '../on-demand/page.ts';
import { datasetTitle, formatText } from '../on-demand/words.ts';
import { PageError } from '../shell/errors.ts';
import type { PortalDeps } from '../tab.ts';
import { readRun } from './known.ts';
import { runPage } from './page.ts';

const PATH = `${ON_DEMAND_PATH}/:number{[0-9]+}`;
/** Files are served under run ids, as the API does. */
const FILES = `${ON_DEMAND_PATH}/:id{[0-9a-f-]{36}}`;

/** Mounts the pages of one export, and what can be done to it. */
export function mountRunPages(app: PortalApp, deps: PortalDeps): void {
  const { shell, ledger } = deps;
  const address = ({ number }: Run) => `${PORTAL_PATH}${ON_DEMAND_PATH}/${number}`;

  async function find(c: PortalContext): Promise<Run> {
    const run = await ledger.runs.findByNumber(c.get('caller').tenant.key, ON_DEMAND, Number(c.req.param('number')));
    if (!run) throw new WaybillError('not_found');
    assertDataset(c.get('caller').limits, run.subject);
    return deps.runs.closeLostRun(run);
  }

  app.get(PATH, async (c) => {
    const run = await find(c);
    return shell.page(c, runPage(c, deps, await readRun(c, deps, run)));
  });

  app.get(
    `${PATH}/events`,
    changes(deps, async (c) => {
      const run = await find(c);
      const page = runPage(c, deps, await readRun(c, deps, run));
      return {
        fragments: [{ id: 'main', markup: shell.main(page) }],
        say: sayingOf(run, deps.runs.progress.recall(run).percent),
        isFinal: !isActive(run.state),
      };
    }),
  );

  app.post(`${PATH}/cancel`, async (c) => {
    const run = await find(c);
    if (isActive(run.state)) {
      const ended = await cancelRun(deps, run, { waitMs: 0, message: CANCELLED_RUN.own });
      if (ended === 'ending' || ended === 'cancelled') await audit(c, 'export.cancelled', run);
    }
    return c.redirect(address(run), 303);
  });

  app.post(`${PATH}/again`, async (c) => {
    const again = await resubmit(apiContext(c), { ...deps, submit: deps.runs.submit }, await find(c));
    const run = await ledger.runs.find(again.runId);
    return c.redirect(run ? address(run) : `${PORTAL_PATH}${ON_DEMAND_PATH}#yours`, 303);
  });

  app.post(`${PATH}/revoke`, async (c) => {
    const run = await find(c);
    await ledger.runs.revokeLinks(run.runId);
    await audit(c, 'export.links_revoked', run);
    return c.redirect(address(run), 303);
  });

  app.get(`${PATH}/delete`, async (c) => {
    const run = await find(c);
    assertDeletable(c, run);
    const order = orderOf(run);
    const title = datasetTitle(deps.catalog, order.dataset);
    const content = confirmation({
      crumbs: breadcrumb(
        [
          [`${PORTAL_PATH}${ON_DEMAND_PATH}`, 'On demand'],
          [address(run), `Export ${run.number}`],
        ],
        'Delete',
      ),
      question: `Delete export ${run.number} and its file?`,
      lost: [
        ['Export', `${title}, ${formatText(order)}`],
        ['Window', c.get('times').window(order.window)],
        [
          (run.files ?? 1) > 1 ? `${run.files} files` : 'File',
          [counted(run.rows ?? 0, 'row'), ', ', size(run.bytes ?? 0)],
        ],
        ['Links', 'Every link that was given out stops working'],
      ],
      consequence:
        'The file cannot be brought back. You can order the same data again; the new file holds what the warehouse has then.',
      action: `${address(run)}/delete`,
      csrf: c.get('csrf'),
      verb: 'Delete export and file',
      keep: address(run),
    });
    return shell.page(c, { title: `Delete export ${run.number}?`, tab: ON_DEMAND_PATH, content });
  });

  app.post(`${PATH}/delete`, async (c) => {
    const run = await find(c);
    // Sent twice: there is nothing left to do.
    if (exportState(run, deps.clock.now()) === 'completed') {
      await removeFiles(deps, run, 'deleted', callerEntry(apiContext(c), 'export.deleted', run.runId));
    }
    return c.redirect(address(run), 303);
  });

  function assertDeletable(c: PortalContext, run: Run): void {
    if (!mayWrite(c)) throw new WaybillError('insufficient_scope');
    if (exportState(run, deps.clock.now()) === 'completed') return;
    throw new PageError(410, `Export ${run.number} has no file`, 'There is nothing to delete.');
  }

  function audit(c: PortalContext, action: Parameters<typeof auditCaller>[2], { runId }: Run): Promise<void> {
    return auditCaller(apiContext(c), deps, action, runId);
  }

  const file = fileHandler(deps);
  const namedFile = namedFileHandler(deps);
  app.get(`${FILES}/file`, (c, next) => file(apiContext(c), next));
  app.get(`${FILES}/files/:name`, (c, next) => namedFile(apiContext(c), next));
  for (const [name, send] of [
    ['manifest', manifestHandler(deps)],
    ['signature', signatureHandler(deps)],
  ] as const) {
    app.get(`${FILES}/${name}`, async (c, next) => {
      const run = isRunId(c.req.param('id')) ? await ledger.runs.find(c.req.param('id')) : undefined;
      if (run?.tenant !== c.get('caller').tenant.key || run.kind !== ON_DEMAND) throw new WaybillError('not_found');
      assertDataset(c.get('caller').limits, run.subject);
      c.header(
        'Content-Disposition',
        attachment(`${manifestStem(orderOf(run), run.files)}.manifest.${name === 'manifest' ? 'json' : 'dsse.json'}`),
      );
      return send(apiContext(c), next);
    });
  }
}

/** Screen readers are told each quarter and the end, not every percent. */
function sayingOf({ number, state }: Run, percent: number): string | undefined {
  if (!isActive(state)) return `Export ${number}: ${state}`;
  const quarter = Math.floor(percent / 25) * 25;
  return quarter > 0 ? `Export ${number}: ${quarter} percent` : undefined;
}
