import { formatTable } from '../cli/screen/terminal.ts';
import type { Measured, Result } from './benchmark.ts';
import type { Pair } from './pairs.ts';
import type { Summary } from './statistics.ts';

const COLUMNS = [
  { title: 'benchmark' },
  { title: '' },
  { title: 'median', align: 'right' },
  { title: 'min–max', align: 'right' },
  { title: 'MB/s', align: 'right' },
  { title: 'ratio', align: 'right' },
  { title: 'min–max', align: 'right' },
  { title: 'wanted' },
  { title: 'what ran' },
] as const;

/** Two lines per benchmark: ours with the ratio, then the peer. */
export function resultLines(results: readonly Result[]): readonly string[] {
  const rows = results.flatMap((result) => {
    const { name, ours, peer, ratio } = result;
    const wanted = `${ratio.kind === 'speed' ? '≥' : '≤'} ${ratio.target}x: ${ratio.met ? 'met' : 'missed'}`;
    const related = [`${ratio.summary.median.toFixed(2)}x`, range(ratio.summary, 2), wanted];
    return [
      [name, 'ours', ...cells(result, ours), ...related, ours.what],
      ['', 'peer', ...cells(result, peer), '', '', '', peer.what],
    ];
  });
  const notes = results.flatMap(({ name, notes }) => notes.map((note) => `${name}: ${note}`));
  return [...formatTable(COLUMNS, rows), '', ...notes];
}

export function pairLine(unit: Result['unit'], runs: number, number: number, { ours, peer }: Pair): string {
  return `pair ${number} of ${runs}: ours ${formatFigure(unit, ours)}, peer ${formatFigure(unit, peer)}`;
}

function cells({ unit }: Result, { summary, bytes }: Measured): readonly string[] {
  const rate = bytes !== null && unit === 'seconds' ? (bytes / 1e6 / summary.median).toFixed(0) : '';
  return [
    formatFigure(unit, summary.median),
    `${formatFigure(unit, summary.min)}–${formatFigure(unit, summary.max)}`,
    rate,
  ];
}

function range({ min, max }: Summary, digits: number): string {
  return `${min.toFixed(digits)}–${max.toFixed(digits)}`;
}

/** Times under a second are shown in milliseconds. */
function formatFigure(unit: Result['unit'], figure: number): string {
  if (unit === 'MiB') return `${figure.toFixed(0)} MiB`;
  return figure < 1 ? `${(figure * 1000).toFixed(1)} ms` : `${figure.toFixed(2)} s`;
}
