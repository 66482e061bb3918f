/**
 * Reads CSV by its specification alone, strictly: quotes only around whole values, one line end, rows of equal length.
 * NULL, which is written as nothing, comes as `null`; an empty text is written as two quotes.
 *
 * Source: RFC 4180, with LF for the end of a line.
 */
export function readCsv(text: string): readonly Readonly<Record<string, string | null>>[] {
  const rows: (string | null)[][] = [];
  let row: (string | null)[] = [];
  for (let at = 0; at < text.length; ) {
    let value: string | null;
    if (text[at] === '"') {
      let end = at + 1;
      while (text[end] !== '"' || text[end + 1] === '"') {
        if (end >= text.length) throw new Error('a quote is never closed');
        end += text[end] === '"' ? 2 : 1;
      }
      value = text.slice(at + 1, end).replaceAll('""', '"');
      at = end + 1;
    } else {
      let end = at;
      while (end < text.length && text[end] !== ',' && text[end] !== '\n' && text[end] !== '"') end += 1;
      value = end === at ? null : text.slice(at, end);
      at = end;
    }
    row.push(value);
    if (text[at] !== ',' && text[at] !== '\n') throw new Error(`a value does not end at character ${at}`);
    if (text[at] === '\n') {
      rows.push(row);
      row = [];
    }
    at += 1;
    if (at === text.length && row.length > 0) throw new Error('the last line does not end');
  }
  const [names = [], ...values] = rows;
  return values.map((each) => {
    if (each.length !== names.length) throw new Error(`a row has ${each.length} values instead of ${names.length}`);
    return Object.fromEntries(names.map((name, index) => [name ?? '', each[index] ?? null]));
  });
}
