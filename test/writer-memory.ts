import { execa } from 'execa';
import { expect } from 'vitest';

/** A writer, as source text of a process of its own. */
export interface Writer {
  /** Of `formats/`. */
  readonly module: string;
  readonly encode: string;
  readonly options: object;
  /** Bytes of a text, as described. */
  readonly textBytes: number;
}

/** Rows of a chunk of DuckDB. */
const CHUNK_ROWS = 2048;

/** @returns bytes of the peak of a process that writes rows of ten numbers and ten texts */
async function peakBytes({ module, encode, options, textBytes }: Writer, rows: number): Promise<number> {
  // What `resourceUsage` tells is at least the peak of the process that started this one.
  const script = `
    import { readFile } from 'node:fs/promises';
    import { ${encode} } from '${new URL(`../formats/${module}`, import.meta.url).href}';
    const [rows, chunkRows] = [${rows}, ${CHUNK_ROWS}];
    const text = { bytes: new Uint8Array(chunkRows * 40 + 8).fill(97), ends: Uint32Array.from({ length: chunkRows }, (_, at) => 40 * (at + 1)) };
    const columns = Array.from({ length: 20 }, (_, at) => at % 2 ? text : new Float64Array(chunkRows).fill(at + 0.5));
    const total = { values: rows, bytes: 40 * rows };
    const variables = columns.map((_, at) => ({ name: 'v' + at, label: '', valueLabels: [], missing: [],
      type: at % 2 ? { kind: 'text', bytes: ${textBytes}, total } : { kind: 'number', decimals: null } }));
    async function* chunks() { for (let at = 0; at < rows; at += chunkRows) yield { rows: chunkRows, columns }; }
    const table = { title: '', createdAt: new Date(0), rows, variables };
    for await (const _ of ${encode}(table, chunks(), ${JSON.stringify(options)}).bytes);
    console.log(/VmHWM:\\s+(\\d+)/.exec(await readFile('/proc/self/status', 'utf8'))[1] * 1024);`;
  const { stdout } = await execa(process.execPath, ['--input-type=module', '-e', script]);
  return Number(stdout);
}

/** Eight times as many rows, of which the larger table has 400 MB or more, take no more memory. */
export async function expectFlatMemory(writer: Writer): Promise<void> {
  const small = await peakBytes(writer, CHUNK_ROWS * 50);
  const large = await peakBytes(writer, CHUNK_ROWS * 400);
  console.info(writer.encode, writer.options, writer.textBytes, Math.round(small / 1e6), Math.round(large / 1e6));
  // When garbage is collected moves the peak by some tens of megabytes.
  expect(large - small).toBeLessThan(100_000_000);
}
