import type { Email } from '../../stores/mail/mail.ts';

/** Content of a notice e-mail. All of it is plain text; the layouts escape it. */
export interface EmailContent {
  readonly subject: string;
  /** HTML shows it as a colour, in addition to the words. */
  readonly kind: 'failed' | 'recovered';
  /** Such as `Periodic export of Acme`. */
  readonly about: string;
  readonly heading: string;
  readonly opening: string;
  readonly facts: readonly Fact[];
  readonly sections: readonly { readonly heading: string; readonly paragraphs: readonly string[] }[];
  /** Why the recipient gets it. */
  readonly closing: string;
}

export interface Fact {
  readonly label: string;
  readonly value: string;
  /** An id or the like, to be copied verbatim. */
  readonly exact?: boolean;
}

/** Lays out an e-mail as plain text and as HTML with the same words. */
export function layOut(content: EmailContent): Pick<Email, 'subject' | 'text' | 'html'> {
  return { subject: content.subject, text: layOutText(content), html: layOutHtml(content) };
}

const SANS = "font-family:-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";
const MONO = 'font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace';

/** Colours of the bar on top; their contrast to the card is at least 3:1, in light and in dark mode. */
const BAR = { failed: '#b45309', recovered: '#15803d' } as const;

/** For dark mode and phones only. Mail programs that drop style sheets show the inline, light styles. */
const STYLE_SHEET = `
:root { color-scheme: light dark; supported-color-schemes: light dark; }
@media (prefers-color-scheme: dark) {
  .page { background-color: #14171a !important; }
  .card { background-color: #1f2428 !important; border-color: #363d44 !important; }
  .text { color: #e8eaed !important; }
  .faint { color: #a7b0b9 !important; }
  .line { border-color: #363d44 !important; }
  .failed { background-color: #f0a13a !important; }
  .recovered { background-color: #4cc38a !important; }
}
@media (max-width: 480px) {
  .edge { padding-left: 20px !important; padding-right: 20px !important; }
  .outer { padding: 0 !important; }
  .card { border-left: 0 !important; border-right: 0 !important; border-radius: 0 !important; }
  .label { display: block !important; width: auto !important; padding-bottom: 0 !important; }
  .value { display: block !important; padding-top: 2px !important; border-top: 0 !important; }
}
`;

/** The beginning of a mail as HTML, up to its body. @param styleSheet for what inline styles cannot say */
export function htmlHead(subject: string, styleSheet: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<meta name="format-detection" content="telephone=no, date=no, address=no, email=no">
<title>${escaped(subject)}</title>
<style>${styleSheet}</style>
</head>`;
}

/** Uses tables and inline styles, which all mail programs support. Loads nothing and links to nothing. */
function layOutHtml(content: EmailContent): string {
  const { kind, about, heading, opening, facts, sections, closing } = content;
  return `${htmlHead(content.subject, STYLE_SHEET)}
<body class="page" style="margin:0;padding:0;background-color:#f3f4f6">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" class="page" style="background-color:#f3f4f6">
<tr><td align="center" class="outer" style="padding:32px 12px">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" class="card" style="max-width:600px;background-color:#ffffff;border:1px solid #d9dde3;border-radius:10px;border-collapse:separate;overflow:hidden;text-align:left">
<tr><td class="${kind}" style="height:5px;line-height:5px;font-size:0;background-color:${BAR[kind]}">&nbsp;</td></tr>
<tr><td class="edge" style="padding:28px 36px 8px">
${paragraph(about, { classes: 'faint', style: 'margin:0 0 6px;font-size:14px;line-height:20px;color:#5b6570' })}
<h1 class="text" style="${SANS};margin:0 0 16px;font-size:23px;line-height:30px;font-weight:650;color:#1b1f24">${escaped(heading)}</h1>
${paragraph(opening)}
</td></tr>
<tr><td class="edge" style="padding:4px 36px 8px">
<table width="100%" cellpadding="0" cellspacing="0" style="border-collapse:collapse">
${facts.map(factRow).join('\n')}
</table>
</td></tr>
<tr><td class="edge" style="padding:0 36px 12px">
${sections
  .map(
    (section) =>
      `<h2 class="text" style="${SANS};margin:22px 0 6px;font-size:17px;line-height:24px;font-weight:650;color:#1b1f24">${escaped(section.heading)}</h2>\n${section.paragraphs.map((text) => paragraph(text)).join('\n')}`,
  )
  .join('\n')}
</td></tr>
<tr><td class="edge line" style="padding:16px 36px 22px;border-top:1px solid #e3e6ea">
${paragraph(closing, { classes: 'faint', style: 'margin:0;font-size:13px;line-height:19px;color:#5b6570' })}
</td></tr>
</table>
</td></tr>
</table>
</body>
</html>
`;
}

const PARAGRAPH = { classes: 'text', style: 'margin:0 0 14px;font-size:16px;line-height:25px;color:#1b1f24' };

function paragraph(text: string, look = PARAGRAPH): string {
  return `<p class="${look.classes}" style="${SANS};${look.style};overflow-wrap:anywhere">${escaped(text)}</p>`;
}

function factRow({ label, value, exact = false }: Fact): string {
  const cell = 'padding:9px 0;font-size:15px;line-height:22px;vertical-align:top;border-top:1px solid #e3e6ea';
  const font = exact ? `${MONO};font-size:14px` : SANS;
  return `<tr>
<th scope="row" align="left" class="label line faint" style="${cell};${SANS};width:128px;padding-right:16px;font-weight:400;color:#5b6570">${escaped(label)}</th>
<td class="value line text" style="${cell};${font};color:#1b1f24;overflow-wrap:anywhere">${escaped(value)}</td>
</tr>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Text as HTML, in content and in quoted attributes. */
export function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}

/** Maximum number of characters per line, so that a quoted e-mail still fits 78. Source: RFC 5322, section 2.1.1. */
export const COLUMNS = 76;

function layOutText(content: EmailContent): string {
  const blocks = [
    wrapped(content.about),
    underlined(content.heading, '='),
    wrapped(content.opening),
    layOutFacts(content.facts),
    ...content.sections.flatMap(({ heading, paragraphs }) => [
      underlined(heading, '-'),
      ...paragraphs.map((paragraph) => wrapped(paragraph)),
    ]),
    `-- \n${wrapped(content.closing)}`,
  ];
  return `${blocks.join('\n\n')}\n`.replaceAll('\u00a0', ' ');
}

/** @returns lines of labels and values, for plain text */
export function layOutFacts(facts: readonly Fact[]): string {
  const width = Math.max(0, ...facts.map(({ label }) => label.length)) + 2;
  return facts.map(({ label, value }) => wrapped(value, `${label}:`.padEnd(width), ' '.repeat(width))).join('\n');
}

function underlined(heading: string, line: string): string {
  const text = wrapped(heading);
  const width = Math.max(...text.split('\n').map((row) => Array.from(row).length));
  return `${text}\n${line.repeat(width)}`;
}

/**
 * Breaks text at spaces into lines of at most {@link COLUMNS} characters; a longer word is broken too.
 *
 * @param first prefix of the first line
 * @param rest prefix of the other lines
 */
export function wrapped(text: string, first = '', rest = first): string {
  const lines: string[] = [];
  let line: string[] = [];
  const room = () => COLUMNS - Array.from(lines.length === 0 ? first : rest).length;
  const end = () => {
    lines.push(`${lines.length === 0 ? first : rest}${line.join('')}`);
    line = [];
  };
  for (const word of text.split(' ').filter(Boolean)) {
    let letters = Array.from(word);
    if (line.length > 0 && line.length + 1 + letters.length > room()) end();
    else if (line.length > 0) line.push(' ');
    while (letters.length > room()) {
      line = letters.slice(0, room());
      letters = letters.slice(line.length);
      end();
    }
    line.push(...letters);
  }
  if (line.length > 0 || lines.length === 0) end();
  return lines.join('\n');
}
