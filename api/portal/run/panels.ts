import { html } from 'hono/html';
import type { Manifest, ManifestFile } from '../../../contracts/manifest.ts';
import type { PartProgress, PartsProgress } from '../../../contracts/progress.ts';
import type { AuditAction, AuditEntry, Run } from '../../../stores/ledger/ports.ts';
import { manifestStem, orderOf } from '../../on-demand/view.ts';
import { button, postForm } from '../components/field.ts';
import { counted, grouped, size } from '../components/figures.ts';
import { code, facts, panel, panelBody } from '../components/panel.ts';
import { type StateKind, state } from '../components/state.ts';
import { type Column, table, tableRow } from '../components/table.ts';
import type { Times } from '../components/times.ts';
import { mayWrite, type PortalContext } from '../environment.ts';
import type { Content, Markup } from '../shell/markup.ts';
import type { KnownRun, Signature } from './known.ts';

/** Hashes and signature, and how to check them. */
export function proofPanel(run: Run, { files }: Manifest, signature: Signature): Markup {
  const [first, last] = [files[0]?.file ?? '', files.at(-1)?.file ?? ''];
  const isSealed = first.endsWith('.age');
  const manifest = `${manifestStem(orderOf(run), files.length)}.manifest.json`;
  return panel({
    id: 'proof',
    title: 'Proof',
    content: panelBody(html`${facts([
      files.length > 1
        ? ['Files', html`${grouped(files.length)}: <code>${first}</code> to <code>${last}</code>`]
        : ['File', html`<code>${first}</code>`],
      ['Manifest', html`<code>sha256 ${run.manifestSha256 ?? ''}</code>`],
      ['Signature', signatureText(signature)],
    ])}
<p class="note">Check it on your own machine; no server is asked:</p>
${code(`npx waybill verify ${manifest}${isSealed ? ' --key-file key.txt' : ''}`, 'command')}`),
  });
}

export function signatureText(signature: Signature): Content {
  switch (signature.state) {
    case 'valid':
      return [
        state('available', 'Valid'),
        html` <span class="quiet">Ed25519, key <code>${signature.keyid}</code></span>`,
      ];
    case 'invalid':
      return state('failed', 'Not valid');
    case 'none':
      return html`<span class="quiet">none: the worker that wrote it had no key</span>`;
  }
}

const DOWNLOADED: ReadonlySet<AuditAction> = new Set(['export.downloaded']);

/** Who downloaded it when. */
export function downloadsPanel(c: PortalContext, { run, trail }: KnownRun, revokeAddress: string): Markup {
  const times = c.get('times');
  const downloads = trail.filter(({ action }) => DOWNLOADED.has(action));
  const byLink = downloads.filter(({ actor }) => actor === 'link').length;
  const about = downloads.length === 0 ? 'none yet' : `${downloads.length - byLink} by credentials, ${byLink} by link`;
  const columns: readonly Column[] = [{ title: 'When' }, { title: 'Who' }, { title: 'Sent', isNumber: true }];
  const rows = downloads.map(({ at, actor, detail }) =>
    tableRow(columns, [
      { place: 'lead', content: times.moment(at) },
      { content: nameOf(actor) },
      { content: detail.bytes === run.bytes ? 'all' : size(Number(detail.bytes ?? 0)) },
    ]),
  );
  const revoke = mayWrite(c)
    ? postForm(revokeAddress, c.get('csrf'), button({ label: 'Revoke links', isSmall: true }), { classes: 'push' })
    : '';
  return panel({
    id: 'downloads',
    title: 'Downloads',
    about,
    content:
      downloads.length === 0
        ? panelBody(html`<p class="note">Nobody has downloaded the file.</p>`)
        : table({ caption: 'Downloads of this export', columns, rows, isFlat: true, staysTable: true }),
    foot: html`<span>Links that the API gave out work without logging in</span>${revoke}`,
  });
}

/** The files of an order that asked for several. @param addressOf of what a file's link opens */
export function filesPanel(
  { files, recipients }: Manifest,
  addressOf: (name: string) => { readonly download: string; readonly open: string },
): Markup {
  const isSealed = recipients.length > 0;
  const columns: readonly Column[] = [
    { title: 'File' },
    { title: 'Rows that changed last' },
    { title: 'Rows', isNumber: true },
    { title: 'Size', isNumber: true },
    ...(isSealed ? [{ title: 'Sealed' }] : []),
  ];
  return panel({
    id: 'files',
    title: 'Files',
    about: `${counted(files.length, 'file')}, each complete in itself, in the order of their rows`,
    content: table({
      caption: 'Files of this export',
      columns,
      isFlat: true,
      rows: files.map(({ file, rows, bytes, slice }) => {
        const { download, open } = addressOf(file);
        return tableRow(columns, [
          { place: 'lead', content: html`<a href="${download}">${file}</a>` },
          { content: sliceText(slice) },
          { content: grouped(rows) },
          { content: size(bytes) },
          ...(isSealed ? [{ content: html`<a href="${open}">Open in the browser</a>` }] : []),
        ]);
      }),
    }),
  });
}

/** A slice in UTC; its end is not included. */
function sliceText(slice: ManifestFile['slice']): string {
  const { from, to } = slice ?? { from: null, to: null };
  const short = (instant: string) => `${instant.slice(0, 10)} ${instant.slice(11, 19)}`;
  if (from === null) return to === null ? 'all' : `before ${short(to)} UTC`;
  return to === null ? `from ${short(from)} UTC` : `from ${short(from)} to ${short(to)} UTC`;
}

export function partsPanel(file: ManifestFile | undefined): Markup {
  const parts = file?.parts ?? [];
  const columns: readonly Column[] = [
    { title: 'Part' },
    { title: 'Rows', isNumber: true },
    { title: 'Size', isNumber: true },
    { title: 'SHA-256 of what is stored' },
  ];
  return panel({
    id: 'parts',
    title: 'Parts',
    about: `${counted(parts.length, 'part')}, in the order of the file`,
    content: table({
      caption: 'Parts of the file',
      columns,
      isFlat: true,
      rows: parts.map(({ name, rows, bytes, sha256 }) =>
        tableRow(columns, [
          { place: 'lead', content: name },
          { content: grouped(rows) },
          { content: size(bytes) },
          { content: html`<code class="break">${sha256}</code>` },
        ]),
      ),
    }),
  });
}

/** The parts of a running export, and how far each is. */
export function livePartsPanel({ total, written, parts }: PartsProgress): Markup {
  const columns: readonly Column[] = [
    { title: 'Part' },
    { title: 'State' },
    { title: 'Rows', isNumber: true },
    { title: 'Size', isNumber: true },
  ];
  const [first, last] = [parts[0], parts.at(-1)];
  const hidden = first && last && parts.length < total;
  return panel({
    id: 'parts',
    title: 'Parts',
    about: `${grouped(written)} of ${grouped(total)} written`,
    content: table({
      caption: 'Parts of the file',
      columns,
      isFlat: true,
      staysTable: true,
      rows: parts.map((part) =>
        tableRow(columns, [
          { place: 'lead', content: `Part\u00a0${grouped(part.place + 1)}` },
          { place: 'st', content: state(...PART_STATES[part.state]) },
          { content: part.state === 'writing' ? `about ${grouped(part.rows)}` : grouped(part.rows) },
          { content: part.state === 'waiting' ? '–' : size(part.storedBytes) },
        ]),
      ),
    }),
    ...(hidden && { foot: `Parts ${grouped(first.place + 1)} to ${grouped(last.place + 1)} of ${grouped(total)}` }),
  });
}

const PART_STATES: Readonly<Record<PartProgress['state'], readonly [StateKind, string]>> = {
  written: ['available', 'Written'],
  writing: ['running', 'Writing'],
  waiting: ['expired', 'Waiting'],
};

const EVENTS: Readonly<Partial<Record<AuditAction, (who: string) => string>>> = {
  'export.requested': (who) => `Ordered by ${who}`,
  'export.resubmitted': (who) => `Ordered again by ${who}`,
  'export.cancelled': (who) => `Cancelled by ${who}`,
  'export.deleted': (who) => `File deleted by ${who}`,
  'export.links_revoked': (who) => `Links revoked by ${who}`,
  'export.completed': () => 'Checked and published with its manifest',
  'export.failed': () => 'Failed',
  'export.expired': () => 'File deleted: its time was over',
};

/** What happened to the run, the oldest first. */
export function storyPanel({ run, trail, progress }: KnownRun, times: Times): Markup {
  const happened = trail.flatMap(({ at, actor, action }): [Date, string][] => {
    const text = EVENTS[action]?.(nameOf(actor));
    return text === undefined ? [] : [[at, text]];
  });
  if (run.startedAt) happened.push([run.startedAt, 'Begun']);
  const rows = run.rows ?? progress.rowsTotal;
  if (run.snapshotAt !== null) {
    happened.push([new Date(run.snapshotAt), `Rows frozen and counted${rows === null ? '' : `: ${grouped(rows)}`}`]);
  }
  const columns: readonly Column[] = [{ title: 'When' }, { title: 'Event' }];
  return panel({
    id: 'story',
    title: 'What happened',
    content: table({
      caption: 'History of this export',
      columns,
      isFlat: true,
      staysTable: true,
      rows: happened
        .toSorted(([one], [other]) => one.getTime() - other.getTime())
        .map(([at, text]) =>
          tableRow(columns, [
            { place: 'lead', classes: 'fit', content: times.exact(at) },
            { place: 'st', content: text },
          ]),
        ),
    }),
  });
}

function nameOf(actor: AuditEntry['actor']): string {
  if (actor === 'link') return 'a link';
  return actor === 'waybill' ? 'the service' : actor.replace(/^token:/, '');
}
