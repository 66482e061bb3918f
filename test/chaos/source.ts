import { createHash } from 'node:crypto';

/** Rows of the source; each belongs to one second after {@link EPOCH}. */
export const ROWS = 200_000;

const EPOCH = Date.UTC(2020, 0, 1);

/** Every tenant has the same rows. One row is about 70 bytes as CSV. */
export const CATALOG = `
datasets:
  - name: EVENTS
    title: One row a second
    doors: [on-demand, periodic]
    offered_as: events
    sql: >
      SELECT tenant, i AS id, TIMESTAMP '2020-01-01' + to_seconds(i) AS created_at, md5(i::VARCHAR) AS text
      FROM range(${ROWS}) AS r(i), (VALUES ('acme'), ('dreambuilder')) AS t(tenant)
    tenant_column: tenant
    created_column: created_at
    key: [id]
    formats: [csv, jsonl]
    columns: [{ name: id, type: integer }, { name: text, type: text }]
  - name: FEW
    title: A small file beside it
    doors: [periodic]
    offered_as: few
    sql: SELECT 'acme' AS tenant, i AS id FROM range(100) AS r(i)
    tenant_column: tenant
    columns: [{ name: id, type: integer }]
`;

/** @returns the time of a row, as an order's window names it */
export function timeOf(id: number): string {
  return new Date(EPOCH + id * 1000).toISOString();
}

/** @returns the row that a window's end names */
export function rowAt(instant: string): number {
  return Math.round((Date.parse(instant) - EPOCH) / 1000);
}

const LINES = Array.from({ length: ROWS }, (_, id) => `${id},${createHash('md5').update(String(id)).digest('hex')}`);

/**
 * Compares a CSV file with the rows of the source from one to another, both included. Their order is not promised.
 *
 * @returns the first difference, or `undefined`
 */
export function compareCsv(file: Buffer, from: number, to: number): string | undefined {
  const [head, ...lines] = file.toString('utf8').trimEnd().split('\n');
  if (head !== 'id,text') return `does not begin with its header but with ${head?.slice(0, 80)}`;
  const there = new Set(lines);
  if (there.size !== lines.length) return `has ${lines.length - there.size} rows twice`;
  const lost = LINES.slice(from, to + 1).filter((line) => !there.has(line));
  if (lost.length > 0) return `lacks ${lost.length} of ${to - from + 1} rows, ${lost[0]} among them`;
  return lines.length === to - from + 1
    ? undefined
    : `has ${lines.length - (to - from + 1)} rows that it should not have`;
}
