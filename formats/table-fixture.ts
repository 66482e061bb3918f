import type { Chunk, ColumnChunk, Table, Variable } from './table.ts';

/** `null` is missing; a text column has an empty text instead. */
export type Cell = number | string | null;

/** @returns the variable, of which the rest is empty */
export function variable({ name, type, ...rest }: Pick<Variable, 'name' | 'type'> & Partial<Variable>): Variable {
  return { name, type, label: '', valueLabels: [], missing: [], ...rest };
}

export function tableOf(variables: readonly Variable[], rows: number): Table {
  return { title: 'Things', createdAt: new Date('2026-03-09T04:05:06Z'), rows, variables };
}

/** Chunks of so many rows, in memory that is overwritten once the next one is requested. */
export async function* chunksOf(
  variables: readonly Variable[],
  rows: readonly (readonly Cell[])[],
  chunkRows = 3,
): AsyncGenerator<Chunk> {
  for (let from = 0; from < rows.length; from += chunkRows) {
    const some = rows.slice(from, from + chunkRows);
    const columns = variables.map(({ type }, at) =>
      columnOf(
        type.kind === 'text',
        some.map((row) => row[at] ?? null),
      ),
    );
    yield { rows: some.length, columns };
    for (const column of columns) (column instanceof Float64Array ? column : column.bytes).fill(77);
  }
}

function columnOf(isText: boolean, cells: readonly Cell[]): ColumnChunk {
  if (!isText) return Float64Array.from(cells, (cell) => (cell === null ? Number.NaN : Number(cell)));
  const texts = cells.map((cell) => Buffer.from(String(cell ?? '')));
  let end = 0;
  return {
    bytes: new Uint8Array(Buffer.concat([...texts, Buffer.alloc(8, 'X')])),
    ends: Uint32Array.from(texts, ({ length }) => {
      end += length;
      return end;
    }),
  };
}

export async function collect(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const copies: Buffer[] = [];
  for await (const chunk of bytes) copies.push(Buffer.from(chunk));
  return Buffer.concat(copies);
}
