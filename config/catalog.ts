import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';
import { checkBundle, checkDataset, type Finding } from './catalog-checks.ts';
import { bundleOf, bundleSchema, datasetOf, datasetSchema, expandColumns, KNOWN_KEYS } from './catalog-schema.ts';
import { CatalogError, type CatalogProblem, type Path, readSource, type Source } from './catalog-source.ts';
import type { Bundle, Catalog, Dataset } from './dataset.ts';
import { catalogSentence, suggestion } from './issue-sentence.ts';

/**
 * Reads the catalog.
 *
 * @param path a YAML file, or a directory whose `*.yaml` and `*.yml` files together form the catalog
 * @throws CatalogError with every problem, each with its file, line, column and path
 */
export async function loadCatalog(path: string): Promise<Catalog> {
  const sources = await Promise.all(
    (await catalogFiles(path)).map(async (file) => readSource(file, await readFile(file, 'utf8'))),
  );
  const read = sources.map((source) => ({ source, ...readEntries(source) }));
  const placed = read.flatMap(({ source, datasets }) => datasets.map((entry) => ({ ...entry, source })));
  const bundles = read.flatMap(({ source, bundles }) => bundles.map((entry) => ({ ...entry, source })));
  const problems = [
    ...read.flatMap((file) => file.problems),
    ...repeatedNames(placed),
    ...repeatedBundles(bundles, placed),
  ];
  if (problems.length > 0) throw new CatalogError(problems);
  return createCatalog(
    placed.map((entry) => entry.dataset),
    bundles.map((entry) => entry.bundle),
  );
}

/** @param datasets with names that are unique, ignoring case */
export function createCatalog(datasets: readonly Dataset[], bundles: readonly Bundle[] = []): Catalog {
  const byName = new Map(datasets.map((dataset) => [dataset.name.toLowerCase(), dataset]));
  return { datasets, find: (name) => byName.get(name.toLowerCase()), bundles };
}

async function catalogFiles(path: string): Promise<readonly string[]> {
  const refusal = (sentence: string) => new CatalogError([{ file: path, line: 1, column: 1, path: '', sentence }]);
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) throw refusal('should be a file or a directory, but does not exist');
  if (!found.isDirectory()) return [path];
  const names = (await readdir(path)).filter((name) => /\.ya?ml$/.test(name)).sort();
  if (names.length === 0) throw refusal('should contain at least one *.yaml file');
  return names.map((name) => join(path, name));
}

interface PlacedDataset {
  readonly dataset: Dataset;
  /** Index in its file. */
  readonly index: number;
}

interface PlacedBundle {
  readonly bundle: Bundle;
  /** Index in its file. */
  readonly index: number;
}

function readEntries(source: Source): {
  readonly datasets: readonly PlacedDataset[];
  readonly bundles: readonly PlacedBundle[];
  readonly problems: readonly CatalogProblem[];
} {
  const problems: CatalogProblem[] = [...source.problems];
  const datasets: PlacedDataset[] = [];
  const bundles: PlacedBundle[] = [];
  if (problems.length > 0) return { datasets, bundles, problems };
  const { lists, keys } = topLevel(source.value);
  for (const key of keys) {
    if (key === 'datasets' || key === 'bundles') continue;
    problems.push(source.problem([key], `is not a known key here${suggestion(key, KNOWN_KEYS.file)}`));
  }
  // A file may have bundles alone.
  if (keys.includes('datasets') || !keys.includes('bundles')) {
    if (!lists.datasets?.length) problems.push(source.problem(['datasets'], 'should list at least one dataset'));
  }
  if (keys.includes('bundles') && !lists.bundles?.length) {
    problems.push(source.problem(['bundles'], 'should list at least one bundle'));
  }
  lists.datasets?.forEach((entry, index) => {
    const { dataset, findings } = readDataset(entry);
    const base = ['datasets', index];
    for (const { path, sentence } of findings) problems.push(source.problem([...base, ...path], sentence));
    if (dataset !== undefined) datasets.push({ dataset, index });
  });
  lists.bundles?.forEach((entry, index) => {
    const { bundle, findings } = readBundle(entry);
    for (const { path, sentence } of findings) problems.push(source.problem(['bundles', index, ...path], sentence));
    if (bundle !== undefined) bundles.push({ bundle, index });
  });
  return { datasets, bundles, problems };
}

interface Lists {
  readonly datasets?: readonly unknown[];
  readonly bundles?: readonly unknown[];
}

function topLevel(value: unknown): { readonly lists: Lists; readonly keys: string[] } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { lists: {}, keys: [] };
  const { datasets, bundles } = value as Record<string, unknown>;
  return {
    lists: {
      ...(Array.isArray(datasets) && { datasets: datasets as readonly unknown[] }),
      ...(Array.isArray(bundles) && { bundles: bundles as readonly unknown[] }),
    },
    keys: Object.keys(value),
  };
}

function readBundle(entry: unknown): { readonly bundle?: Bundle; readonly findings: readonly Finding[] } {
  const result = bundleSchema.safeParse(entry);
  if (result.success) {
    const bundle = bundleOf(result.data);
    return { bundle, findings: checkBundle(bundle) };
  }
  return {
    findings: result.error.issues.flatMap((issue) =>
      findingsOf(issue, entry, issue.path[0] === 'filters' ? KNOWN_KEYS.filters : KNOWN_KEYS.bundle),
    ),
  };
}

function readDataset(entry: unknown): { readonly dataset?: Dataset; readonly findings: readonly Finding[] } {
  const { value, short } = expanded(entry);
  const result = datasetSchema.safeParse(value);
  const dataset = result.success ? datasetOf(result.data) : undefined;
  const findings =
    dataset === undefined
      ? (result.error?.issues ?? []).flatMap((issue) => findingsOf(issue, value, knownKeysAt(issue)))
      : checkDataset(dataset);
  return {
    ...(dataset !== undefined && { dataset }),
    findings: findings.map(({ path, sentence }) => ({ path: writtenPath(path, short), sentence })),
  };
}

/** Path in the document: a column in short form has name and type in one entry. */
function writtenPath(path: Path, short: ReadonlyMap<number, string>): Path {
  const [list, index] = path;
  const name = list === 'columns' && path.length > 2 ? short.get(Number(index)) : undefined;
  return name === undefined ? path : ['columns', Number(index), name];
}

function expanded(entry: unknown): { readonly value: unknown; readonly short: ReadonlyMap<number, string> } {
  if (typeof entry !== 'object' || entry === null || !('columns' in entry) || !Array.isArray(entry.columns)) {
    return { value: entry, short: new Map() };
  }
  const { columns, short } = expandColumns(entry.columns);
  return { value: { ...entry, columns }, short };
}

function knownKeysAt({ path: [part] }: z.core.$ZodIssue): readonly string[] {
  return KNOWN_KEYS[part === 'columns' || part === 'parameters' ? part : 'dataset'];
}

function findingsOf(issue: z.core.$ZodIssue, value: unknown, known: readonly string[]): readonly Finding[] {
  const path = issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step));
  const held = path.reduce<unknown>(
    (inner, step) => (typeof inner === 'object' && inner !== null ? Reflect.get(inner, step) : undefined),
    value,
  );
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: [...path, key],
      sentence: catalogSentence({ ...issue, keys: [key] }, held, known),
    }));
  }
  if (path[0] === 'tenant_column' && held === undefined) {
    return [{ path, sentence: 'is missing; without it one tenant could read the rows of another' }];
  }
  return [{ path, sentence: catalogSentence(issue, held, []) }];
}

function repeatedNames(placed: readonly (PlacedDataset & { readonly source: Source })[]): readonly CatalogProblem[] {
  const names = new Map<string, Source>();
  const offers = new Map<string, Source>();
  const problems: CatalogProblem[] = [];
  for (const { dataset, index, source } of placed) {
    const earlier = names.get(dataset.name.toLowerCase());
    if (earlier !== undefined) {
      const sentence = `repeats ${dataset.name}, which ${earlier.file} already has; names are case-insensitive`;
      problems.push(source.problem(['datasets', index, 'name'], sentence));
      continue;
    }
    names.set(dataset.name.toLowerCase(), source);
    for (const kind of new Set(dataset.doors)) {
      const offer = `${kind} ${(dataset.offeredAs ?? dataset.name).toLowerCase()}`;
      if (offers.has(offer)) {
        const sentence = `is taken: ${kind} exports offer another dataset as ${dataset.offeredAs}`;
        problems.push(source.problem(['datasets', index, 'offered_as'], sentence));
      }
      offers.set(offer, source);
    }
  }
  return problems;
}

/** Without a name of their own, callers could not say which questionnaires they mean: so there is one bundle of them at most. */
function repeatedBundles(
  bundles: readonly (PlacedBundle & { readonly source: Source })[],
  datasets: readonly PlacedDataset[],
): readonly CatalogProblem[] {
  const names = new Set(datasets.map(({ dataset }) => dataset.name.toLowerCase()));
  return bundles.flatMap(({ bundle: { name, kind }, index, source }, place) => {
    const problems: CatalogProblem[] = [];
    if (names.has(name.toLowerCase())) {
      const sentence = `repeats ${name}, which a dataset has; names are case-insensitive`;
      problems.push(source.problem(['bundles', index, 'name'], sentence));
    }
    if (bundles.slice(0, place).some((other) => other.bundle.kind === kind)) {
      problems.push(
        source.problem(['bundles', index, 'kind'], `should be the only bundle of kind ${kind} in the catalog`),
      );
    }
    return problems;
  });
}
