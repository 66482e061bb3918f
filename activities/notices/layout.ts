import type { Letter } from '../../stores/mail/mail.ts';
import type { Fact, LetterContent } from './content.ts';
import { layOutText } from './plain-text.ts';

/** Lays a letter out, as plain text and as HTML that say the same. */
export function layOut(content: LetterContent): Pick<Letter, 'subject' | 'text' | 'html'> {
  return { subject: content.subject, text: layOutText(content), html: layOutHtml(content) };
}

const SANS = "font-family:-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";
const MONO = 'font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace';

/** Colour of the bar on top; the contrast to the card is 3:1 at least, in light and in dark. */
const BAR = { trouble: '#b45309', relief: '#15803d' } as const;

/**
 * Mail programs that drop style sheets show the inline, light styles, or darken them themselves. The style sheet is only
 * for dark mode and for phones.
 */
const STYLE_SHEET = `
:root { color-scheme: light dark; supported-color-schemes: light dark; }
@media (prefers-color-scheme: dark) {
  .page { background-color: #14171a !important; }
  .card { background-color: #1f2428 !important; border-color: #363d44 !important; }
  .text { color: #e8eaed !important; }
  .faint { color: #a7b0b9 !important; }
  .line { border-color: #363d44 !important; }
  .trouble { background-color: #f0a13a !important; }
  .relief { background-color: #4cc38a !important; }
}
@media (max-width: 480px) {
  .edge { padding-left: 20px !important; padding-right: 20px !important; }
  .outer { padding: 0 !important; }
  .card { border-left: 0 !important; border-right: 0 !important; border-radius: 0 !important; }
  .label { display: block !important; width: auto !important; padding-bottom: 0 !important; }
  .value { display: block !important; padding-top: 2px !important; border-top: 0 !important; }
}
`;

/** Tables and inline styles: what all mail programs have in common. Nothing is loaded, nothing can be clicked. */
function layOutHtml(content: LetterContent): string {
  const { mood, about, heading, opening, facts, sections, closing } = content;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<meta name="format-detection" content="telephone=no, date=no, address=no, email=no">
<title>${escaped(content.subject)}</title>
<style>${STYLE_SHEET}</style>
</head>
<body class="page" style="margin:0;padding:0;background-color:#f3f4f6">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" class="page" style="background-color:#f3f4f6">
<tr><td align="center" class="outer" style="padding:32px 12px">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" class="card" style="max-width:600px;background-color:#ffffff;border:1px solid #d9dde3;border-radius:10px;border-collapse:separate;overflow:hidden;text-align:left">
<tr><td class="${mood}" style="height:5px;line-height:5px;font-size:0;background-color:${BAR[mood]}">&nbsp;</td></tr>
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
