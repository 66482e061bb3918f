import { WaybillError } from '../contracts/failures.ts';
import { dtaFrame, longTextBytes } from './dta-frame.ts';
import { dtaRows } from './dta-rows.ts';
import { type DtaTable, describeVariables } from './dta-variables.ts';
import type { Encoded } from './encoder.ts';
import { renamings } from './names.ts';
import { createSpool, type Spool } from './spool.ts';
import type { Chunk, Table } from './table.ts';

export interface DtaOptions {
  /** For temporary files. */
  readonly directory: string;
}

/**
 * A file of Stata 14 or later, streamed in bounded memory: format 118, or 119 for more than 32,767 variables. What it holds otherwise
 * than the table is said in the notes, which the file contains as well, as those of the dataset, after the columns that have another name.
 *
 * Texts of more than 2,045 bytes stand behind all rows; until then they are in an encrypted temporary file.
 *
 * @throws WaybillError `not_representable` for a table of more than 120,000 variables, or of rows of more than 1 MiB
 */
export function encodeDta(table: Table, chunks: AsyncIterable<Chunk>, { directory }: DtaOptions): Encoded {
  const described = describeVariables(table);
  const names = described.variables.map(({ name }) => name);
  const columns = table.variables.map(({ name }) => name);
  const inFile = { ...described, notes: [...renamings(columns, names), ...described.notes] };
  return { names, notes: described.notes, bytes: dtaFile(table, inFile, chunks, directory) };
}

async function* dtaFile(
  table: Table,
  described: DtaTable,
  chunks: AsyncIterable<Chunk>,
  directory: string,
): AsyncGenerator<Uint8Array> {
  const { variables, strLs } = described;
  const { head, middle, tail, isWide } = dtaFrame(table, described);
  const hasLongTexts = variables.some(({ storage }) => storage === 'strL');
  const spool = hasLongTexts ? await createSpool(directory) : undefined;
  try {
    yield* head;
    yield* dtaRows(table, variables, chunks, spool, isWide);
    yield middle;
    if (spool) yield* checkedSpool(spool, table, strLs);
    yield* tail;
  } finally {
    await spool?.close();
  }
}

async function* checkedSpool(spool: Spool, { title }: Table, strLs: DtaTable['strLs']): AsyncGenerator<Uint8Array> {
  if (spool.bytes !== longTextBytes(strLs)) {
    throw new WaybillError(
      'source_changed',
      `${title} changed while it was being exported: its long texts are not those that were measured. Resubmit the export; it will read a new snapshot.`,
    );
  }
  yield* spool.read();
}
