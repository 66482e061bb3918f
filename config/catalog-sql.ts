/** What can be told about a query without asking the warehouse. */
export interface SqlScan {
  /** The first word in upper case, or `(`; empty when there is nothing but comments. */
  readonly begins: string;
  /** Names that follow a `$`, each once, in order. */
  readonly parameters: readonly string[];
  /** Whether a semicolon stands outside of texts and comments. */
  readonly semicolon: boolean;
}

/** Texts and comments are tokens of their own, so that nothing inside them is taken for SQL. */
const TOKEN =
  /(?<skip>\s+|--[^\n]*|\/\*[\s\S]*?\*\/)|(?<text>[eE]'(?:\\[\s\S]|''|[^'\\])*'|'(?:''|[^'])*'|"(?:""|[^"])*"|\$(?<tag>[A-Za-z_]\w*|)\$[\s\S]*?\$\k<tag>\$)|\$(?<parameter>\w+)|(?<word>[A-Za-z_][\w$]*)|[\s\S]/y;

/** Source: DuckDB documentation, "Literal types" (escape and dollar-quoted texts) and "Prepared statements". */
export function scanSql(sql: string): SqlScan {
  let begins = '';
  let semicolon = false;
  const parameters = new Set<string>();
  const token = new RegExp(TOKEN);
  for (let match = token.exec(sql); match !== null; match = token.exec(sql)) {
    const { skip, text, parameter, word } = match.groups ?? {};
    if (skip !== undefined) continue;
    if (begins === '') begins = (word ?? match[0]).toUpperCase();
    if (text !== undefined) continue;
    if (parameter !== undefined) parameters.add(parameter);
    else if (match[0] === ';') semicolon = true;
  }
  return { begins, parameters: [...parameters], semicolon };
}
