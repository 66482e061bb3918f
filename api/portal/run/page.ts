import { html } from 'hono/html';
import type { Manifest } from '../../../contracts/manifest.ts';
import { isActive } from '../../../contracts/progress.ts';
import type { AuditEntry, Run } from '../../../stores/ledger/ports.ts';
import { exportState, orderOf } from '../../on-demand/view.ts';
import { button, linkButton, postForm } from '../components/field.ts';
import { counted, grouped, size, sizeText, timeLeft } from '../components/figures.ts';
import { icon } from '../components/icon.ts';
import { notice } from '../components/notice.ts';
import { breadcrumb, liveMark, pageHead } from '../components/panel.ts';
import { slip } from '../components/slip.ts';
import { progressBar, state } from '../components/state.ts';
import type { Times } from '../components/times.ts';
import { mayWrite, PORTAL_PATH, type PortalContext } from '../environment.ts';
import { ON_DEMAND_PATH } from '../on-demand/page.ts';
import { datasetTitle, STATES } from '../on-demand/words.ts';
import type { Content, Markup } from '../shell/markup.ts';
import type { Page } from '../shell/page.ts';
import type { PortalDeps } from '../tab.ts';
import { daysPanel } from './days-panel.ts';
import type { KnownRun } from './known.ts';
import { downloadsPanel, filesPanel, livePartsPanel, partsPanel, proofPanel, storyPanel } from './panels.ts';
import { orderValues, outcomeValues } from './values.ts';

/** The page of one export. */
export function runPage(c: PortalContext, { catalog }: Pick<PortalDeps, 'catalog'>, known: KnownRun): Page {
  const { run, progress } = known;
  const times = c.get('times');
  const now = exportState(run, times.now);
  const active = isActive(now);
  const title = datasetTitle(catalog, orderOf(run).dataset);
  const here = `${PORTAL_PATH}${ON_DEMAND_PATH}/${run.number}`;
  const { kind, word } = STATES[now];
  const name = `Export ${run.number}`;
  const values = orderValues(run, catalog, times);
  const manifest = known.stored?.manifest;
  return {
    title: active ? `${name}, ${progress.percent} %` : name,
    tab: ON_DEMAND_PATH,
    status: now === 'expired' || now === 'deleted' ? 410 : 200,
    ...(active && { live: `${here}/events` }),
    content: html`${pageHead({
      title,
      crumbs: breadcrumb([[`${PORTAL_PATH}${ON_DEMAND_PATH}`, 'On demand']], name),
      beside: [state(kind, word), active ? liveMark(here) : ''],
      actions: actions(c, known, here),
    })}
${outcome(known, times.now, times)}
${slip({
  label: `Summary of export ${run.number}`,
  ...(active && { above: bigProgress(known, times.now) }),
  values: active ? values.map((value) => ({ ...value, span: 4 as const })) : [...values, ...outcomeValues(run, times)],
  number: run.number,
  stub: [orderedBy(known.trail), times.moment(run.requestedAt)],
})}
${active ? html`<p class="note">You can close this page; the export goes on. Cancelling removes everything that was written.</p>` : ''}
${manifest ? daysPanel(manifest.files[0], manifest.snapshotAt) : ''}
${manifest ? html`<div class="split split--even">${proofPanel(run, manifest, known.signature)}${downloadsPanel(c, known, `${here}/revoke`)}</div>` : ''}
${manifest ? contentPanel(run, manifest) : ''}${active && known.parts ? livePartsPanel(known.parts) : ''}
${storyPanel(known, times)}`,
  };
}

/** The parts of the only file, or the files. */
function contentPanel(run: Run, manifest: Manifest): Markup {
  if (manifest.files.length === 1) return partsPanel(manifest.files[0]);
  return filesPanel(manifest, (name) => ({
    download: `${PORTAL_PATH}${ON_DEMAND_PATH}/${run.runId}/files/${encodeURIComponent(name)}`,
    open: `${PORTAL_PATH}/open-file?export=${run.number}&file=${encodeURIComponent(name)}`,
  }));
}

function orderedBy(trail: readonly AuditEntry[]): Content {
  const ordered = trail.findLast(({ action }) => action === 'export.requested' || action === 'export.resubmitted');
  return ordered ? html`Ordered by ${ordered.actor.replace(/^token:/, '')}<br>` : 'Ordered ';
}

function bigProgress({ run, progress }: KnownRun, now: Date): Markup {
  const { percent, rowsDone, rowsTotal, storedBytes, partsDone, partsTotal } = progress;
  const left = timeLeft(now.getTime() - (run.startedAt ?? run.requestedAt).getTime(), percent);
  const label = `Progress of export ${run.number}`;
  if (rowsTotal === null) {
    const word = run.state === 'pending' ? 'Waiting for its turn' : 'Counting rows';
    return html`<div class="big-progress"><div class="big-progress__line"><strong>${word}</strong></div>${progressBar(null, label)}</div>`;
  }
  return html`<div class="big-progress"><div class="big-progress__line"><strong>${percent} %</strong><span>about ${grouped(rowsDone)} of ${counted(rowsTotal, 'row')}</span><span>${size(storedBytes)} written</span><span>${partsDone} of ${counted(partsTotal ?? 1, 'part')}</span>${left ? html`<span class="push">${left}</span>` : ''}</div>${progressBar(percent, label)}</div>`;
}

/** Why there is no file, and what to do. */
function outcome({ run, stored }: KnownRun, now: Date, times: Times): Content {
  const shown = exportState(run, now);
  switch (shown) {
    case 'failed':
      return notice({ kind: 'bad', title: 'The export could not be made', text: run.failure?.message });
    case 'cancelled':
      return notice({
        title: 'The export was cancelled',
        text: 'Nothing was kept. Order it again if you still want it.',
      });
    case 'expired':
      return notice({
        icon: 'expired',
        title: 'The file was deleted when its time was over',
        text: [
          run.expiresAt ? ['It was kept until ', times.moment(run.expiresAt), '. '] : '',
          'Order it again to make a new one.',
        ],
      });
    case 'deleted':
      return notice({
        icon: 'expired',
        title: 'The file was deleted',
        text: [
          run.removedAt ? ['It was deleted ', times.moment(run.removedAt), '. '] : '',
          'Order it again to make a new one.',
        ],
      });
    case 'completed':
      return stored
        ? ''
        : notice({
            kind: 'warn',
            title: 'The manifest could not be read',
            text: 'The file is safe. Load the page again in a moment.',
          });
    case 'pending':
    case 'running':
      return '';
  }
}

function actions(c: PortalContext, { run }: KnownRun, here: string): Content {
  const now = exportState(run, c.get('times').now);
  const csrf = c.get('csrf');
  const files = `${PORTAL_PATH}${ON_DEMAND_PATH}/${run.runId}`;
  const writes = mayWrite(c);
  if (isActive(now)) {
    return writes
      ? postForm(`${here}/cancel`, csrf, button({ label: 'Cancel export', busy: 'Cancelling…' }))
      : undefined;
  }
  const again = writes ? postForm(`${here}/again`, csrf, button({ label: 'Order again', busy: 'Ordering…' })) : '';
  if (now !== 'completed') return again || undefined;
  const isDivided = (run.files ?? 1) > 1;
  const label = html`${icon('down')}Download ${isDivided ? `all ${run.files} files as a zip` : sizeText(run.bytes ?? 0)}`;
  return [
    linkButton(`${files}/file`, { label, look: 'primary' }),
    orderOf(run).recipients.length > 0 && !isDivided
      ? linkButton(`${PORTAL_PATH}/open-file?export=${run.number}`, { label: html`${icon('lock')}Open in the browser` })
      : '',
    linkButton(`${files}/manifest`, { label: 'Manifest' }),
    again,
    writes ? linkButton(`${here}/delete`, { label: 'Delete', look: 'quiet' }) : '',
  ];
}
