import type { Email } from '../../stores/mail/mail.ts';
import { escaped, type Fact, htmlHead, layOutFacts, wrapped } from './layout.ts';

export type { Fact };

/** Plain, strong, or in the colour of failures besides its words. */
type Piece = string | { readonly strong: string } | { readonly bad: string };

/** Content of a mail about a request. All of it is plain text; the layouts escape it. */
export interface RequestContent {
  readonly subject: string;
  /** What mail programs show beside the subject in lists. */
  readonly preview: string;
  readonly heading: string;
  readonly paragraphs: readonly (readonly Piece[])[];
  readonly button: { readonly label: string; readonly url: string } | null;
  /** Small print below the button. */
  readonly after: readonly string[];
  readonly facts: readonly Fact[];
  readonly help?: string;
  /** Why the recipient gets it. */
  readonly closing: readonly string[];
}

/** Lays out a mail as plain text and as HTML with the same words in the same order. */
export function layOutRequest(content: RequestContent): Pick<Email, 'subject' | 'text' | 'html'> {
  return { subject: content.subject, text: textOf(content), html: htmlOf(content) };
}

function textOf({ heading, paragraphs, button, after, facts, help, closing }: RequestContent): string {
  const blocks = [
    wrapped(heading),
    ...paragraphs.map((pieces) => wrapped(pieces.map(plain).join(''))),
    // Alone on its line, and never broken, so that mail programs make it a link.
    ...(button ? [button.url] : []),
    ...after.map((line) => wrapped(line)),
    layOutFacts(facts),
    ...(help === undefined ? [] : [wrapped(help)]),
    `-- \n${closing.map((line) => wrapped(line)).join('\n')}`,
  ];
  return `${blocks.join('\n\n')}\n`.replaceAll('\u00a0', ' ');
}

function plain(piece: Piece): string {
  if (typeof piece === 'string') return piece;
  return 'strong' in piece ? piece.strong : piece.bad;
}

function marked(piece: Piece): string {
  if (typeof piece === 'string') return escaped(piece);
  return 'strong' in piece
    ? `<strong>${escaped(piece.strong)}</strong>`
    : `<span class="bad" style="color:#a52a21">${escaped(piece.bad)}</span>`;
}

/** Colours and sizes are those of the portal. What mail programs may drop, the style sheet, is for dark mode only. */
const STYLE_SHEET = `
:root { color-scheme: light dark; supported-color-schemes: light dark; }
body { margin: 0; padding: 0; background: #f4f3ee; color: #1b2326; font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif; }
table { border-collapse: collapse; }
@media (prefers-color-scheme: dark) {
  body { background: #121618 !important; color: #e6eaea !important; }
  .slip { background: #1a1f22 !important; border-color: #2d3539 !important; border-top-color: #62c9db !important; }
  .stub { background: #15191c !important; border-color: #2d3539 !important; }
  .brand { color: #62c9db !important; }
  .btn { background: #62c9db !important; color: #07222a !important; }
  .two, .facts th { color: #a4b0b4 !important; }
  .facts th, .facts td { border-color: #2d3539 !important; }
  .bad { color: #ff9086 !important; }
}
`;

const FONT = "font-family:system-ui,-apple-system,'Segoe UI',Roboto,Arial,sans-serif";
const MONO = 'font-family:ui-monospace,Menlo,Consolas,monospace;font-size:12px;word-break:break-all';
const SMALL = 'color:#545e63;font-size:13px;line-height:1.5';

/** Uses tables and inline styles, which all mail programs support. Loads nothing; its only link is the button. */
function htmlOf(content: RequestContent): string {
  const { heading, preview, paragraphs, button, after, facts, help, closing } = content;
  return `${htmlHead(content.subject, STYLE_SHEET)}
<body>
<main><div style="display:none;max-height:0;overflow:hidden">${escaped(preview)}</div><table role="presentation" width="100%"><tr><td class="wrap" align="center" style="padding:24px 12px">
<table role="presentation" class="slip" width="100%" style="${FONT};max-width:560px;text-align:left;background:#ffffff;border:1px solid #dedcd4;border-top:3px solid #0a6075"><tr><td style="padding:24px 28px">
<p class="brand" style="margin:0 0 14px;color:#0a6075;font-size:17px;font-weight:700;letter-spacing:-.3px">Waybill</p>
<h1 style="margin:0 0 8px;font-size:20px;line-height:1.3;font-weight:650">${escaped(heading)}</h1>
${paragraphs.map((pieces) => `<p style="margin:0 0 14px">${pieces.map(marked).join('')}</p>`).join('\n')}
${button ? `<p style="margin:0 0 14px"><a class="btn" href="${escaped(button.url)}" style="display:inline-block;padding:11px 20px;background:#0a6075;color:#ffffff;border-radius:3px;font-weight:600;text-decoration:none">${escaped(button.label)}</a></p>` : ''}
${after.map((line) => `<p class="two" style="margin:0 0 14px;${SMALL}">${escaped(line)}</p>`).join('\n')}
<table class="facts" width="100%"><tbody>${facts.map(factRow).join('\n')}</tbody></table>
${help === undefined ? '' : `<p class="two" style="margin:14px 0 0;${SMALL}">${escaped(help)}</p>`}
</td></tr><tr><td class="stub two" style="${SMALL};background:#f9f8f5;border-top:2px dashed #dedcd4;padding:14px 28px">${closing.map(escaped).join('<br>')}</td></tr></table>
</td></tr></table></main>
</body>
</html>
`;
}

function factRow({ label, value, exact = false }: Fact): string {
  const cell =
    'padding:8px 0;border-top:1px solid #dedcd4;text-align:left;vertical-align:top;font-weight:400;font-size:14px';
  const shown = exact ? `<span style="${MONO}">${escaped(value)}</span>` : escaped(value);
  return `<tr><th scope="row" style="${cell};width:112px;padding-right:16px;color:#545e63">${escaped(label)}</th><td style="${cell}">${shown}</td></tr>`;
}
