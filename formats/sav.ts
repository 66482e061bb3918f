import type { Encoded } from './encoder.ts';
import { renamings } from './names.ts';
import { savDictionary } from './sav-dictionary.ts';
import { savRows } from './sav-rows.ts';
import { type SavVariable, savVariables } from './sav-variables.ts';
import type { Chunk, Table } from './table.ts';
import { zsavRows } from './zsav.ts';

/** `rows`: what all readers of system files take. `zlib`: a `.zsav` file, for SPSS 21 and later; `directory` for temporary files. */
export type SavOptions =
  | { readonly compression: 'rows' }
  | { readonly compression: 'zlib'; readonly directory: string };

/**
 * A system file of SPSS, streamed in bounded memory: UTF-8, little-endian. What it holds otherwise than the table is said in the
 * notes, which the file contains as well, as its documents.
 *
 * SPSS does not tell an empty text from a missing one, and takes blanks at the end of a text for padding.
 *
 * @throws WaybillError `not_representable` for a text column of more than 32,767 bytes
 */
export function encodeSav(table: Table, chunks: AsyncIterable<Chunk>, options: SavOptions): Encoded {
  const { title, variables, notes } = savVariables(table);
  const names = variables.map(({ name }) => name);
  const columns = table.variables.map(({ name }) => name);
  const documents = [...renamings(columns, names), ...notes];
  return { names, notes, bytes: systemFile({ ...table, title }, variables, documents, chunks, options) };
}

async function* systemFile(
  table: Table,
  variables: readonly SavVariable[],
  documents: readonly string[],
  chunks: AsyncIterable<Chunk>,
  options: SavOptions,
): AsyncGenerator<Uint8Array> {
  const dictionary = savDictionary(table, variables, documents, options.compression);
  yield dictionary;
  const rows = savRows(table, variables, chunks);
  yield* options.compression === 'zlib' ? zsavRows(rows, dictionary.length, options.directory) : rows;
}
