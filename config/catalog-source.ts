import { type Document, isAlias, isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';

/** A problem with a catalog and its location. */
export interface CatalogProblem {
  /** Path of the YAML file, as opened. */
  readonly file: string;
  /** One-based. */
  readonly line: number;
  /** One-based, in UTF-16 code units. */
  readonly column: number;
  /** Path inside the document, for example `datasets[3].columns[1].type`; empty for the document itself. */
  readonly path: string;
  /** What it should be; follows the path in messages. */
  readonly sentence: string;
}

/** Thrown for an invalid catalog. Contains every problem, ordered by file and line. */
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

/** A YAML document with the positions of its values. */
export interface Source {
  readonly file: string;
  /** The document as plain values; `undefined` if it is not YAML. */
  readonly value: unknown;
  /** Problems with the YAML itself. */
  readonly problems: readonly CatalogProblem[];
  /**
   * A problem with the key or list item at a path. If the path does not exist (a missing key), points to its nearest
   * existing parent.
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

/** Start of the key or list item at the path, or of its nearest existing parent. */
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
