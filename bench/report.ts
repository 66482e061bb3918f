import { availableParallelism, cpus, platform, release, totalmem } from 'node:os';
import { basename, dirname } from 'node:path';
import { formatTable } from '../cli/screen/terminal.ts';
import { findProgram, readVersion } from '../stack/find.ts';
import type { Environment } from '../stack/process.ts';
import type { ProgramName } from '../stack/programs.ts';
import {
  type Benchmark,
  type Bound,
  formatFigure,
  type Measured,
  type Measurement,
  type Pair,
  type Target,
  type Unit,
} from './benchmark.ts';

/** Summary of a series of figures. */
interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Figures, one per counted pair, in order. */
interface Series {
  readonly figures: readonly number[];
  readonly summary: Summary;
}

export interface Result {
  readonly name: string;
  readonly title: string;
  readonly unit: Unit;
  readonly ours: Measured & Series;
  readonly peer: Measured & Series;
  /** How the sides of each pair relate. */
  readonly ratio: Target & Series & { readonly met: boolean };
  /** CPU seconds of each side, and the peer's over ours; `null` if they were not counted. */
  readonly cpu: { readonly ours: Series; readonly peer: Series; readonly ratio: Series } | null;
  readonly bounds: readonly (Bound & { readonly met: boolean })[];
  /** What keeps ours from being faster or smaller; `null`: not known. */
  readonly limitedBy: string | null;
  readonly notes: readonly string[];
}

export function createResult({ name, title }: Pick<Benchmark, 'name' | 'title'>, measurement: Measurement): Result {
  const { part, unit, ours, peer, pairs, ratio, bounds = [], limitedBy = null, notes } = measurement;
  const ratios = seriesOf(
    pairs.map((pair) => (ratio.kind === 'speed' ? pair.peer / pair.ours : pair.ours / pair.peer)),
  );
  const { median } = ratios.summary;
  const met = ratio.kind === 'speed' ? median >= ratio.target : median <= ratio.target;
  return {
    ...{ name: part === undefined ? name : `${name} ${part}`, title, unit, limitedBy, notes },
    bounds: bounds.map((bound) => ({ ...bound, met: bound.figure <= bound.max })),
    ours: { ...ours, ...seriesOf(pairs.map((pair) => pair.ours)) },
    peer: { ...peer, ...seriesOf(pairs.map((pair) => pair.peer)) },
    ratio: { ...ratio, ...ratios, met },
    cpu: cpuOf(pairs.flatMap(({ cpu }) => cpu ?? [])),
  };
}

function cpuOf(pairs: readonly Pair[]): Result['cpu'] {
  if (pairs.length === 0) return null;
  const ratios = pairs.map(({ ours, peer }) => peer / ours);
  return {
    ours: seriesOf(pairs.map(({ ours }) => ours)),
    peer: seriesOf(pairs.map(({ peer }) => peer)),
    ratio: seriesOf(ratios),
  };
}

function seriesOf(figures: readonly number[]): Series {
  return { figures, summary: summarise(figures) };
}

/** @param figures at least one */
export function summarise(figures: readonly number[]): Summary {
  const sorted = figures.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.ceil(sorted.length / 2) - 1];
  if (upper === undefined || lower === undefined) throw new RangeError('There are no figures to summarise.');
  return { median: (lower + upper) / 2, min: sorted[0] ?? lower, max: sorted.at(-1) ?? upper };
}

const COLUMNS = [
  { title: 'benchmark' },
  { title: '' },
  { title: 'median', align: 'right' },
  { title: 'min–max', align: 'right' },
  { title: 'MB/s', align: 'right' },
  { title: 'ratio', align: 'right' },
  { title: 'min–max', align: 'right' },
  { title: 'wanted' },
  { title: 'CPU', align: 'right' },
  { title: 'ratio', align: 'right' },
  { title: 'what ran' },
] as const;

/** Two lines per benchmark: ours with the ratio, then the peer. */
export function resultLines(results: readonly Result[]): readonly string[] {
  const rows = results.flatMap(({ name, unit, ours, peer, ratio, cpu }) => {
    const { median, min, max } = ratio.summary;
    const wanted = `${formatTarget(ratio)}: ${outcome(ratio)}`;
    const rounded = (figure: number) => formatRatio(ratio.kind, figure);
    const related = [rounded(median), `${rounded(min).slice(0, -1)}–${rounded(max).slice(0, -1)}`, wanted];
    const spent = (series: Series | undefined) => (series ? formatFigure('seconds', series.summary.median) : '');
    const cpuRatio = cpu ? `${cpu.ratio.summary.median.toFixed(2)}x` : '';
    return [
      [name, 'ours', ...cells(unit, ours), ...related, spent(cpu?.ours), cpuRatio, ours.what],
      ['', 'peer', ...cells(unit, peer), '', '', '', spent(cpu?.peer), '', peer.what],
    ];
  });
  const notes = results.flatMap(({ name, notes }) => notes.map((note) => `${name}: ${note}`));
  return [...formatTable(COLUMNS, rows), '', ...notes];
}

const SUMMARY_COLUMNS = [
  { title: 'benchmark' },
  { title: 'figure', align: 'right' },
  { title: 'wanted' },
  { title: '' },
  { title: 'limited by' },
] as const;

/** Every figure that has a limit, one a line, and how many of them are met. */
export function summaryLines(results: readonly Result[]): readonly string[] {
  const rows = results.flatMap(({ name, ratio, bounds, limitedBy }) => [
    [name, formatRatio(ratio.kind, ratio.summary.median), formatTarget(ratio), outcome(ratio), limitedBy ?? ''],
    ...bounds.map(({ what, figure, max, unit, met }) => [
      `  ${what}`,
      `${Math.ceil(figure)} ${unit}`,
      `≤ ${max} ${unit}`,
      outcome({ met }),
      '',
    ]),
  ]);
  const limits = results.flatMap(({ ratio, bounds }) => [ratio, ...bounds]);
  const met = limits.filter((limit) => limit.met).length;
  return [...formatTable(SUMMARY_COLUMNS, rows), '', `${met} of ${limits.length} met`];
}

/** To two digits, and never to the better one: what is shown has missed if the figure has. */
export function formatRatio(kind: Target['kind'], ratio: number): string {
  // To twelve digits first, because 1.15 * 100 is a little less than 115.
  const hundredths = Number((ratio * 100).toPrecision(12));
  return `${((kind === 'speed' ? Math.floor(hundredths) : Math.ceil(hundredths)) / 100).toFixed(2)}x`;
}

function formatTarget({ kind, target }: Target): string {
  return `${kind === 'speed' ? '≥' : '≤'} ${target}x`;
}

function outcome({ met }: { readonly met: boolean }): string {
  return met ? 'met' : 'missed';
}

function cells(unit: Unit, { summary, bytes }: Measured & Series): readonly string[] {
  const rate = bytes !== null && unit === 'seconds' ? (bytes / 1e6 / summary.median).toFixed(0) : '';
  const [median, min, max] = [summary.median, summary.min, summary.max].map((figure) => formatFigure(unit, figure));
  return [`${median}`, `${min}–${max}`, rate];
}

/** The machine that the figures were measured on, without its host name. */
interface Machine {
  readonly processor: string;
  readonly cores: number;
  /** GiB. */
  readonly memory: number;
  readonly system: string;
  /** Load average of the minute before the first run; far above 0 means that the machine was busy. */
  readonly loadBefore: number;
  readonly node: string;
  /** Version of each program. */
  readonly programs: Readonly<Partial<Record<ProgramName, string>>>;
}

const PROGRAMS: readonly ProgramName[] = ['duckdb', 'age', 'mc', 'minio', 'temporal', 'postgres'];

/**
 * Missing programs are omitted.
 *
 * @param loadBefore load average of the minute before the first run
 */
export async function describeMachine(environment: Environment, loadBefore: number): Promise<Machine> {
  const programs: Partial<Record<ProgramName, string>> = {};
  for (const name of PROGRAMS) {
    const found = await findProgram(name, environment);
    if (!found) continue;
    // Programs built from source report `DEVELOPMENT`; their cache entry, `<name>-<version>`, has the version.
    const cached = found.origin === 'cache' ? basename(dirname(found.path)).slice(name.length + 1) : undefined;
    const version = cached ?? (await readVersion(found, environment));
    if (version) programs[name] = version;
  }
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memory: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()}`,
    loadBefore: Number(loadBefore.toFixed(2)),
    node: process.version,
    programs,
  };
}

export function machineLines(machine: Machine): readonly string[] {
  const { processor, cores, memory, system, loadBefore, node, programs } = machine;
  return [
    `${cores} cores (${processor}), ${memory} GiB, ${system}, load ${loadBefore} before, Node ${node}`,
    ...Object.entries(programs).map(([name, version]) => `${name}: ${version}`),
  ];
}
