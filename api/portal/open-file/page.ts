import { html } from 'hono/html';
import { shortened } from '../browser/opened.ts';
import { choice, field } from '../components/field.ts';
import { size } from '../components/figures.ts';
import { icon } from '../components/icon.ts';
import { breadcrumb, code, facts, pageHead, panel, panelBody } from '../components/panel.ts';
import { PORTAL_PATH } from '../environment.ts';
import { ON_DEMAND_PATH } from '../on-demand/page.ts';
import { type Markup, NOTHING } from '../shell/markup.ts';
import type { Page } from '../shell/page.ts';

export const OPEN_FILE_PATH = '/open-file';

/** An export whose sealed file is downloaded and opened in one go. */
export interface SealedExport {
  readonly number: number;
  readonly name: string;
  readonly bytes: number;
  readonly recipients: readonly string[];
  /** Address of its file. */
  readonly address: string;
  /** Address of its page. */
  readonly page: string;
}

export interface OpenFilePage {
  /** `undefined`: the reader chooses a file. */
  readonly sealed: SealedExport | undefined;
  /** Address of the page's script. */
  readonly script: string;
  /** Address of the worker's. */
  readonly worker: string;
}

/** The page that opens sealed files, makes keys and verifies manifests. */
export function openFilePage({ sealed, script, worker }: OpenFilePage): Page {
  const title = sealed ? `Open export ${sealed.number}` : 'Open a file';
  return {
    title,
    tab: OPEN_FILE_PATH,
    modules: [script],
    content: html`${pageHead({
      title,
      text: 'Sealed files are opened here, in your browser. The key and the content never leave your machine.',
      ...(sealed && {
        crumbs: breadcrumb(
          [
            [`${PORTAL_PATH}${ON_DEMAND_PATH}`, 'On demand'],
            [sealed.page, `Export ${sealed.number}`],
          ],
          'Open',
        ),
      }),
    })}
<noscript>${withoutScript(sealed)}</noscript>
<div class="notice notice--warn" id="insecure" role="status" hidden>${icon('warn')}<div><h2>This page needs https</h2><p class="note">Browsers have cryptography only on pages that nobody on the way can change. Use the https address of this service, or the command line: <code>npx waybill open</code>.</p></div></div>
<div class="split split--wide" id="open-file" data-worker="${worker}"><div class="stack" data-needs-script hidden>
${openPanel(sealed)}
${sealed ? '' : verifyPanel()}
</div><div class="stack" data-needs-script hidden>
${sealed ? '' : makePanel()}
${panel({
  id: 'can',
  title: 'Your browser',
  content: panelBody(
    html`<div id="browser-can"></div><p class="note">Chrome and Edge on a desk stream to disk; other browsers save from memory, up to 2 GB. For more, use <code>npx waybill open</code>.</p>`,
  ),
})}
</div></div>`,
  };
}

function openPanel(sealed: SealedExport | undefined): Markup {
  const data = sealed
    ? html` data-address="${sealed.address}" data-name="${sealed.name}" data-bytes="${sealed.bytes}" data-recipients="${sealed.recipients.join(' ')}"`
    : NOTHING;
  const file = sealed
    ? facts([
        ['File', html`<code>${sealed.name}</code>`],
        ['Size', size(sealed.bytes)],
        [
          'Sealed to',
          sealed.recipients.map((recipient) => html`<code title="${recipient}">${shortened(recipient)}</code> `),
        ],
      ])
    : html`<div class="drop">${field({
        id: 'sealed',
        label: '1. The sealed file',
        hint: 'Drop it here or choose it; several at once if you like. They are read by this page only.',
        control: ({ id, described }) => html`<input id="${id}" type="file" multiple${described}>`,
      })}</div>`;
  return panel({
    id: 'open',
    title: sealed ? 'Download and open' : 'Open a sealed file',
    content: html`<form class="panel__body" id="open-form"${data} novalidate>${file}
${field({
  id: 'keyfile',
  label: sealed ? 'Your key file' : '2. Your key file',
  hint: html`The text file with <code>AGE-SECRET-KEY-…</code>. It is read by this page only.`,
  control: ({ id, described }) => html`<input id="${id}" type="file"${described}>`,
})}
<details><summary>Paste the key instead</summary>${field({
      id: 'keytext',
      label: 'Private key',
      control: ({ id, described }) =>
        html`<textarea id="${id}" class="mono" rows="2" spellcheck="false" autocomplete="off" autocapitalize="off"${described}></textarea>`,
    })}</details>
<p class="note">Only the seal is opened: what is compressed (<code>.gz</code>, <code>.zst</code>, <code>.zip</code>) stays so.</p>
<div class="row"><button class="btn btn--primary" id="open-submit">${sealed ? 'Download and open' : 'Open and save'}</button></div></form>
<div class="panel__body" id="open-result"></div>`,
  });
}

function verifyPanel(): Markup {
  return panel({
    id: 'verify',
    title: 'Verify against a manifest',
    content: html`<div class="panel__body"><div class="drop">${field({
      id: 'mani',
      label: 'Manifest, signature and files',
      hint: html`Drop them on this box, together or one after the other: <code>….manifest.json</code>, <code>….manifest.dsse.json</code> and the files as they were downloaded.`,
      control: ({ id, described }) => html`<input id="${id}" type="file" multiple${described}>`,
    })}</div><div class="row" id="verify-chosen" hidden><p class="note break" id="verify-files"></p><button class="btn btn--small push" type="button" id="verify-again">Start again</button></div></div>
<div class="panel__body" id="verify-result"></div><div id="verify-table"></div>`,
  });
}

function makePanel(): Markup {
  return html`${panel({
    id: 'make',
    title: 'Make a key',
    content:
      panelBody(html`<p class="note">A pair is made in this page. Save the private half; give the recipient when you order.</p>
${choice({
  id: 'key-kind',
  legend: 'Kind',
  name: 'key-kind',
  options: [
    { value: 'x25519', label: 'X25519' },
    { value: 'post-quantum', label: 'Post-quantum' },
  ],
  chosen: 'x25519',
})}
<p class="note">X25519 is short and opens with every age. Post-quantum also withstands computers that do not exist yet; its recipient has 1,959 characters, and age 1.3 or later opens it.</p>
<button class="btn btn--wide" type="button" id="make-key">Make a key pair</button>`),
  })}<div class="stack" id="made-key" data-order="${PORTAL_PATH}${ON_DEMAND_PATH}"></div>`;
}

/** What to do where no script runs: the command line does the same. */
function withoutScript(sealed: SealedExport | undefined): Markup {
  const name = sealed?.name ?? 'users.csv.age';
  return html`<div class="stack"><div class="notice" role="status">${icon('info')}<div><h2>Opening a file here takes JavaScript</h2><p class="note">This browser runs none. The command line does the same on your machine.</p></div></div>
<section class="panel" aria-label="On the command line">${panelBody(html`${sealed ? html`<p>Download <a href="${sealed.address}">${sealed.name}</a> (${size(sealed.bytes)}), then open it with your key:</p>` : html`<p>Open a sealed file with your key:</p>`}
${code(`npx waybill open ${name} --key-file key.txt`, 'command')}
<p class="note">age itself opens it too: <code>age -d -i key.txt -o ${name.replace(/\.age$/, '')} ${name}</code></p>
<p>Make a key pair:</p>
${code('npx waybill keygen -o key.txt', 'command')}
<p>Verify a file against its manifest:</p>
${code(`npx waybill verify ${name}.manifest.json --keys waybill-keys.json`, 'command')}`)}</section></div>`;
}
