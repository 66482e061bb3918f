import { html } from 'hono/html';
import { doorName } from '../components/doors.ts';
import { button, linkButton, postForm } from '../components/field.ts';
import { counted, grouped, size } from '../components/figures.ts';
import { icon } from '../components/icon.ts';
import { notice } from '../components/notice.ts';
import { liveMark, pageHead } from '../components/panel.ts';
import { figuresSlip, type SlipValue } from '../components/slip.ts';
import type { Content, Markup } from '../shell/markup.ts';
import type { Page } from '../shell/page.ts';
import type { Behind } from './behind.ts';
import { OPERATOR_PATH } from './login.ts';
import { type Drawing, failuresPanel, runningPanel, storagePanel, temporalButton, tenantsPanel } from './panels.ts';
import type { Snapshot } from './snapshot.ts';

/** Tenants on the overview. */
const TENANTS_MAX = 10;
/** Late ones that have a notice of their own. */
const BEHIND_MAX = 5;

export function overviewPage(
  snapshot: Snapshot,
  drawing: Drawing,
  { hasBatches }: { readonly hasBatches: boolean },
): Page {
  const { links, csrf } = drawing;
  const all = links.all();
  const actions: Content = [
    hasBatches
      ? postForm(`${OPERATOR_PATH}/batch`, csrf, button({ label: 'Run the batch now', busy: 'Starting…' }))
      : '',
    all === undefined ? '' : linkButton(all, { label: html`Temporal ${icon('out')}` }),
  ];
  return {
    title: 'Overview',
    tab: '',
    live: `${OPERATOR_PATH}/events`,
    content: html`${pageHead({ title: 'Overview', beside: liveMark(OPERATOR_PATH), actions })}
${figures(snapshot, drawing)}
${behindNotices(snapshot.behind, drawing)}
${runningPanel(snapshot, drawing)}
<div class="split split--even">${failuresPanel(snapshot, drawing)}
${storagePanel(snapshot)}</div>
${tenantsPanel(snapshot, drawing, TENANTS_MAX)}`,
  };
}

function figures({ active, ended, stored, tenants, behind, reconcilesAt }: Snapshot, { times }: Drawing): Markup {
  const runs = ended.reduce((sum, each) => sum + each.runs, 0);
  const failed = ended.reduce((sum, each) => sum + (each.state === 'failed' ? each.runs : 0), 0);
  const share = runs === 0 ? '0' : ((failed / runs) * 100).toFixed(1);
  const [oldest] = behind;
  const values: readonly SlipValue[] = [
    { name: 'Running now', value: grouped(active.running), about: `${grouped(active.waiting)} more wait` },
    { name: 'Failed in 7 days', value: grouped(failed), about: `${share}\u00A0% of ${counted(runs, 'run')}` },
    {
      name: 'Stored',
      value: size(stored.reduce((sum, { bytes }) => sum + bytes, 0)),
      about: counted(tenants.length, 'tenant'),
    },
    {
      name: 'Behind schedule',
      value: behind.length === 1 ? '1 delivery' : `${grouped(behind.length)} deliveries`,
      about: oldest ? ['oldest due ', times.ago(oldest.dueAt)] : 'all on time',
    },
  ];
  const next =
    reconcilesAt === undefined
      ? { value: 'unknown', about: 'Temporal does not answer' }
      : reconcilesAt === null
        ? { value: 'never', about: 'its schedule is paused' }
        : { value: times.until(reconcilesAt), about: 'removes what is due' };
  return figuresSlip('Now', values, { name: 'Reconciles next', ...next });
}

function behindNotices(behind: readonly Behind[], { times, links }: Drawing): Content {
  const shown = behind.slice(0, BEHIND_MAX).map(({ tenant, kind, dueAt, why, run }) =>
    notice({
      kind: 'warn',
      title: `${tenant}, ${doorName(kind)}, is behind schedule`,
      text: ['Due ', times.moment(dueAt), `. ${why}`],
      actions: temporalButton(run ? links.run(run) : links.tenant(tenant), `of ${tenant}`),
    }),
  );
  const rest = behind.length - shown.length;
  return rest === 0 ? shown : [...shown, notice({ kind: 'warn', title: `${grouped(rest)} more are behind schedule` })];
}
