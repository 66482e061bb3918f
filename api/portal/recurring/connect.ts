import { html } from 'hono/html';
import type { SftpKey } from '../../../stores/ledger/ports.ts';
import { privateKeyFingerprint } from '../../../stores/remotes/ssh-keys.ts';
import { button, field, linkButton, postForm } from '../components/field.ts';
import type { FieldProblem } from '../components/notice.ts';
import { code, facts, panel, panelBody } from '../components/panel.ts';
import { type Column, table, tableRow } from '../components/table.ts';
import { mayWrite, type PortalContext } from '../environment.ts';
import type { Markup } from '../shell/markup.ts';
import type { PortalDeps } from '../tab.ts';
import { RECURRING_ADDRESS } from './calendar-panel.ts';

/** How tenants reach the SFTP gateway. */
export interface Gateway {
  readonly host: string;
  readonly port: number;
  /** `undefined`: no gateway has made a key yet. */
  readonly fingerprint: string | undefined;
}

export async function readGateway({ ledger, settings }: Pick<PortalDeps, 'ledger' | 'settings'>): Promise<Gateway> {
  const address = settings.WAYBILL_SFTP_PUBLIC_ADDRESS;
  const [host = '', port = ''] = address?.split(':') ?? [
    new URL(settings.WAYBILL_PUBLIC_URL).hostname,
    String(settings.WAYBILL_SFTP_PORT),
  ];
  const key = settings.WAYBILL_SFTP_HOST_KEY ?? (await ledger.sftpHostKey.find());
  return { host, port: Number(port), fingerprint: key === undefined ? undefined : privateKeyFingerprint(key) };
}

/** A line to paste, and what the client asks about. */
export function connectPanel({ host, port, fingerprint }: Gateway, tenant: string): Markup {
  return panel({
    id: 'connect',
    title: 'Connect',
    content: panelBody(
      html`${code(`sftp -P ${port} ${tenant}@${host}`, 'command')}
${facts([
  ['Host', html`<code>${host}</code>, port ${port}`],
  ['User', html`<code>${tenant}</code> with a public key below, or a client id with its secret as the password`],
  [
    'Host key',
    fingerprint === undefined ? 'known once the gateway has started' : html`<code class="break">${fingerprint}</code>`,
  ],
  ['Files', html`<code class="break">/exports/${tenant}/2026/11/24/user/user.csv</code>`],
  ['Complete when', html`<code>manifest.json</code> is in the day’s folder`],
])}`,
    ),
  });
}

/** @param problems of the form that adds a key, and its value */
export function keysPanel(
  c: PortalContext,
  keys: readonly SftpKey[],
  { problems, value }: { readonly problems: readonly FieldProblem[]; readonly value: string },
): Markup {
  const times = c.get('times');
  const enabled = keys.filter(({ disabledAt }) => disabledAt === null);
  const columns: readonly Column[] = [{ title: 'Key' }, { title: 'Added' }, { title: 'Actions', isHidden: true }];
  const rows = enabled.map(({ fingerprint, publicKey, addedAt }) =>
    tableRow(columns, [
      {
        place: 'lead',
        content: html`${keyType(publicKey)}<span class="sub"><code class="break">${fingerprint}</code></span>`,
      },
      { classes: 'nowrap', content: times.ago(addedAt) },
      {
        place: 'acts',
        content: mayWrite(c)
          ? linkButton(`${RECURRING_ADDRESS}/keys/remove?${new URLSearchParams({ fingerprint })}`, {
              label: html`Remove<span class="vh"> key ${fingerprint}</span>`,
              look: 'quiet',
              isSmall: true,
            })
          : '',
      },
    ]),
  );
  const form = postForm(
    `${RECURRING_ADDRESS}/keys`,
    c.get('csrf'),
    html`<div class="bar">${field({
      id: 'publicKey',
      label: 'Add a public key',
      hint: html`One line, such as <code>ssh-ed25519 AAAA… etl-prod</code>`,
      problems,
      control: ({ id, described }) =>
        html`<input id="${id}" name="publicKey" class="mono" spellcheck="false" autocomplete="off" value="${value}"${described}>`,
    })}${button({ label: 'Add key', busy: 'Adding…' })}</div>`,
    { classes: 'panel__body ruled' },
  );
  return panel({
    id: 'keys',
    title: 'Public keys',
    about: 'Log in without a password',
    content: [
      enabled.length === 0
        ? panelBody(html`<p class="note">No key is added.</p>`)
        : table({ caption: 'SFTP public keys', columns, rows, isFlat: true }),
      mayWrite(c) ? form : '',
    ],
  });
}

/** @returns for example Ed25519 */
export function keyType(publicKey: string): string {
  const type = publicKey.split(' ', 1)[0] ?? '';
  if (type === 'ssh-ed25519') return 'Ed25519';
  return type === 'ssh-rsa' ? 'RSA' : type.replace('ecdsa-sha2-nistp', 'ECDSA P-');
}
