import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { pythonWith } from '../stack/python.ts';

/** A system file as a reader sees it. */
export interface SavRead {
  readonly names: readonly string[];
  readonly labels: readonly string[];
  /** By variable: labels by value. */
  readonly valueLabels: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** By variable: ranges of missing values. */
  readonly missing: Readonly<Record<string, readonly { readonly lo: unknown; readonly hi: unknown }[]>>;
  readonly formats: readonly string[];
  readonly measures: readonly string[];
  readonly encoding: string;
  readonly title: string;
  readonly notes: readonly string[];
  /** By column; numbers of dates count seconds since 1582-10-14. `null`: system-missing. */
  readonly values: readonly (readonly (number | string | null)[])[];
}

/** Answers a line for each path that it is sent. */
const READER = `
import json, math, sys, pyreadstat
def plain(v):
    return None if v is None or (isinstance(v, float) and math.isnan(v)) else v
def key(v):
    return str(int(v)) if isinstance(v, float) and v == int(v) else str(v)
for line in sys.stdin:
    path = line.rstrip('\\n')
    read = pyreadstat.read_dta if path.endswith('.dta') else pyreadstat.read_sav
    data, m = read(path, user_missing=True, disable_datetime_conversion=True, output_format='dict')
    print(json.dumps({
        'names': m.column_names,
        'labels': [l or '' for l in m.column_labels],
        'valueLabels': {n: {key(v): l for v, l in ls.items()} for n, ls in m.variable_value_labels.items()},
        'missing': {n: [{'lo': r['lo'], 'hi': r['hi']} for r in rs] for n, rs in m.missing_ranges.items()},
        'formats': [m.original_variable_types[n] for n in m.column_names],
        'measures': [m.variable_measure[n] for n in m.column_names],
        'encoding': m.file_encoding, 'title': m.file_label, 'notes': m.notes,
        'values': [[plain(v) for v in data[n]] for n in m.column_names],
    }), flush=True)
`;

export interface SavReader {
  read(path: string): Promise<SavRead>;
  close(): Promise<void>;
}

/** pyreadstat, in one process for many files. */
export async function startSavReader(): Promise<SavReader> {
  const python = await pythonWith(['pyreadstat==1.3.7']);
  const reader = execa(python, ['-c', READER], { buffer: false, stderr: 'inherit' });
  const lines = createInterface({ input: reader.stdout })[Symbol.asyncIterator]();
  return {
    async read(path) {
      reader.stdin.write(`${path}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`pyreadstat cannot read ${path}`);
      return JSON.parse(value) as SavRead;
    },
    async close() {
      reader.stdin.end();
      await reader;
    },
  };
}
