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

/** Thrown when a catalog cannot be used. Holds everything that is wrong, ordered by file and line. */
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
