import { html } from 'hono/html';
import { type Content, type Markup, NOTHING } from '../shell/markup.ts';

export interface SlipValue {
  readonly name: string;
  readonly value: Content;
  readonly about?: Content;
  /** 4 or 6 of 12 columns. @default 3 */
  readonly span?: 4 | 6;
}

/** Who, what, when and how much of a run, with a stub that carries its number. */
export interface Slip {
  /** For screen readers, for example Summary of export 10482. */
  readonly label: string;
  /** What stands above the values, such as a progress bar. */
  readonly above?: Content;
  readonly values: readonly SlipValue[];
  readonly number: number;
  /** At the foot of the stub, for example who ordered it. */
  readonly stub?: Content;
}

export function slip({ label, above, values, number, stub = NOTHING }: Slip): Markup {
  const grid = html`<dl class="slip__grid">
${values.map(slipValue)}</dl>`;
  const spaced = String(number).replace(/\B(?=(\d{3})+$)/g, ' ');
  return html`<section class="slip" aria-label="${label}"><div>${above ?? ''}${grid}</div><div class="slip__stub"><div><span class="small quiet">Waybill no.</span><div class="slip__no">${spaced}</div></div>${bars(String(number))}<div class="small quiet">${stub}</div></div></section>`;
}

/** The same for figures that belong to no run. @param stub stands on the stub */
export function figuresSlip(label: string, values: readonly SlipValue[], stub: SlipValue): Markup {
  return html`<section class="slip" aria-label="${label}"><dl class="slip__grid">
${values.map(slipValue)}</dl><dl class="slip__stub">${slipValue(stub)}</dl></section>`;
}

function slipValue({ name, value, about, span }: SlipValue): Markup {
  return html`<div${span ? html` class="w${span}"` : ''}><dt>${name}</dt><dd><strong>${value}</strong>${about === undefined ? '' : html`<span class="sub">${about}</span>`}</dd></div>
`;
}

/** Narrow and wide elements, a bar first, then alternating. Source: ISO/IEC 16388, Code 39. */
const CODE_39: Readonly<Record<string, string>> = {
  '0': 'nnnwwnwnn',
  '1': 'wnnwnnnnw',
  '2': 'nnwwnnnnw',
  '3': 'wnwwnnnnn',
  '4': 'nnnwwnnnw',
  '5': 'wnnwwnnnn',
  '6': 'nnwwwnnnn',
  '7': 'nnnwnnwnw',
  '8': 'wnnwnnwnn',
  '9': 'nnwwnnwnn',
  '*': 'nwnnwnwnn',
  A: 'wnnnnwnnw',
  B: 'nnwnnwnnw',
  I: 'nnwnnwwnn',
  L: 'nnwnnnnww',
  W: 'wwwnnnnnn',
  Y: 'wwnnwnnnn',
};
const NARROW = 1;
const WIDE = 2.5;

/** The text as a bar code: digits and the letters of WAYBILL. */
export function bars(text: string): Markup {
  let at = 0;
  let path = '';
  for (const character of `*${text}*`) {
    for (const [place, element] of [...(CODE_39[character] ?? '')].entries()) {
      const width = element === 'w' ? WIDE : NARROW;
      if (place % 2 === 0) path += `M${at} 0h${width}v10h-${width}z`;
      at += width;
    }
    at += NARROW;
  }
  return html`<svg class="bars" viewBox="0 0 ${at - NARROW} 10" preserveAspectRatio="none" aria-hidden="true"><path d="${path}"/></svg>`;
}
