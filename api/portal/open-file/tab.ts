import { WaybillError } from '../../../contracts/failures.ts';
import { assertDataset, assertReach } from '../../../contracts/limits.ts';
import { ON_DEMAND } from '../../../contracts/run.ts';
import type { Run } from '../../../stores/ledger/ports.ts';
import { openManifest } from '../../../stores/objects/manifests.ts';
import { exportState, fileName, orderOf } from '../../on-demand/view.ts';
import { PORTAL_PATH, type PortalContext } from '../environment.ts';
import { ON_DEMAND_PATH } from '../on-demand/page.ts';
import { PageError } from '../shell/errors.ts';
import type { PortalDeps, Tab } from '../tab.ts';
import { OPEN_FILE_PATH, openFilePage, type SealedExport } from './page.ts';

/** Opening sealed files, making keys and verifying manifests: all in the reader's browser. */
export const openFileTab: Tab = {
  path: OPEN_FILE_PATH,
  name: 'Open a file',
  reach: null,
  mount(app, deps) {
    app.get(OPEN_FILE_PATH, async (c) => {
      const { export: number, file } = c.req.query();
      const sealed = number === undefined ? undefined : await sealedExport(c, deps, number, file);
      const [script, worker] = await Promise.all([
        deps.bundles.address('open-file.js'),
        deps.bundles.address('open-file-worker.js'),
      ]);
      return deps.shell.page(c, openFilePage({ sealed, script, worker }));
    });
  },
};

/**
 * @param name of one of its files; the only one has none
 * @throws WaybillError `not_found`, `outside_limits`; PageError 410 if it has no sealed file
 */
async function sealedExport(
  c: PortalContext,
  { ledger, objects, clock }: PortalDeps,
  number: string,
  name: string | undefined,
): Promise<SealedExport> {
  const run = /^[0-9]{1,15}$/.test(number)
    ? await ledger.runs.findByNumber(c.get('caller').tenant.key, ON_DEMAND, Number(number))
    : undefined;
  if (!run) throw new WaybillError('not_found');
  const { limits } = c.get('caller');
  assertReach(limits, { door: ON_DEMAND, datasets: 'each' });
  assertDataset(limits, run.subject);
  if (exportState(run, clock.now()) !== 'completed' || run.bytes === null) {
    throw new PageError(410, `Export ${run.number} has no file`, 'There is nothing to open. Its page says why.');
  }
  const order = orderOf(run);
  if (order.recipients.length === 0) {
    throw new PageError(410, `Export ${run.number} is not sealed`, 'Download it from its page: it needs no key.');
  }
  if ((run.files ?? 1) === 1) return describe(run, { name: fileName(order), bytes: run.bytes }, 'file');
  const { manifest } = await openManifest(objects, run);
  const found = manifest.files.find(({ file }) => file === name);
  if (!found) throw new WaybillError('not_found');
  return describe(run, { name: found.file, bytes: found.bytes }, `files/${encodeURIComponent(found.file)}`);
}

/** @param path of the file below the export */
function describe(run: Run, file: Pick<SealedExport, 'name' | 'bytes'>, path: string): SealedExport {
  return {
    number: run.number,
    ...file,
    recipients: orderOf(run).recipients,
    address: `${PORTAL_PATH}${ON_DEMAND_PATH}/${run.runId}/${path}`,
    page: `${PORTAL_PATH}${ON_DEMAND_PATH}/${run.number}`,
  };
}
