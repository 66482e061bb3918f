import { type Document, isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';

/** One thing that is wrong with a catalog, and where. */
export interface CatalogProblem {
  /** Path of the YAML file, as it was opened. */
  readonly file: string;
  /** One-based. */
  readonly line: number;
  /** One-based, in UTF-16 code units. */
  readonly column: number;
  /** Place inside the document, for example `datasets[3].columns[1].type`; empty for the document itself. */
  readonly path: string;
  /** What it should be, to be read after the path. */
  readonly sentence: string;
}

/** Thrown when a catalog cannot be used. Holds every problem, ordered by file and line. */
export class CatalogError extends Error {
  override readonly name = 'CatalogError';
  readonly problems: readonly CatalogProblem[];

  constructor(problems: readonly CatalogProblem[]) {
    const ordered = problems.toSorted(
      (a, b) => (a.file < b.file ? -1 : a.file > b.file ? 1 : 0) || a.line - b.line || a.column - b.column,
    );
    super(`The catalog cannot be used:\n${ordered.map((problem) => `  ${written(problem)}`).join('\n')}`);
    this.problems = ordered;
  }
}

function written({ file, line, column, path, sentence }: CatalogProblem): string {
  return `${file}:${line}:${column} ${path === '' ? '' : `${path} `}${sentence}`;
}

export type Path = readonly (string | number)[];

/** A YAML document that still knows where each of its values stands. */
export interface Source {
  readonly file: string;
  /** The document as plain values; `undefined` when it is not YAML. */
  readonly value: unknown;
  /** What is wrong with the YAML itself. */
  readonly problems: readonly CatalogProblem[];
  /**
   * A problem with the key or list item at a path. Where the path leads nowhere (a key that is missing), it points to
   * the nearest around it.
   */
  problem(path: Path, sentence: string): CatalogProblem;
}

/** @param text YAML 1.2, one document. */
export function readSource(file: string, text: string): Source {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const problemAt = (offset: number, path: string, sentence: string): CatalogProblem => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1), path, sentence };
  };
  const problems = [...document.errors, ...document.warnings].map((error) =>
    problemAt(error.pos[0], '', `is not valid YAML here: ${error.message}`),
  );
  let value: unknown;
  if (problems.length === 0) {
    try {
      value = document.toJS();
    } catch (error) {
      problems.push(problemAt(0, '', `cannot be read: ${error instanceof Error ? error.message : String(error)}`));
    }
  }
  return {
    file,
    value,
    problems,
    problem: (path, sentence) => problemAt(offsetOf(document, path), writePath(path), sentence),
  };
}

/** `datasets[3].columns[1].type` */
function writePath(path: Path): string {
  return path.reduce<string>(
    (text, step) => (typeof step === 'number' ? `${text}[${step}]` : text === '' ? step : `${text}.${step}`),
    '',
  );
}

/** Where the key, or the item of a list, begins that the path leads to; as far as it leads. */
function offsetOf(document: Document, path: Path): number {
  let node: unknown = document.contents;
  let offset = isNode(node) ? (node.range?.[0] ?? 0) : 0;
  for (const step of path) {
    if (isAlias(node)) node = node.resolve(document);
    let place: unknown;
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(step));
      place = pair?.key;
      node = pair?.value;
    } else if (isSeq(node)) {
      place = node.items[Number(step)];
      node = place;
    }
    if (!isNode(place)) return offset;
    offset = place.range?.[0] ?? offset;
  }
  return offset;
}
