import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { pythonWith } from '../stack/python.ts';

/** A value as a reader sees it: `.a` to `.z` are missing values that the user has given, `null` is system-missing. */
export type DtaValue = number | string | null;

/** A file of Stata as two readers that share no code see it. */
export interface DtaRead {
  /** pandas; it knows no labels of missing values. */
  readonly pandas: DtaContent;
  /** pandas, with the values of every 50th variable. */
  readonly sample: DtaContent;
  /** pyreadstat, which is ReadStat. */
  readonly readstat: DtaContent;
}

interface DtaContent {
  readonly title: string;
  readonly labels: Readonly<Record<string, string>>;
  /** By the name of the set: labels by value. */
  readonly valueLabels: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** By variable: the name of its set. */
  readonly labelSets: Readonly<Record<string, string>>;
  readonly formats: readonly string[];
  /** By variable. */
  readonly values: Readonly<Record<string, readonly DtaValue[]>>;
}

/** Answers a line for each path that it is sent. Warnings of pandas fail. */
const READER = `
import json, math, sys, warnings
import pandas, pyreadstat
from pandas.io.stata import StataReader, StataMissingValue
warnings.simplefilter('error')
def plain(v):
    if isinstance(v, StataMissingValue):
        return None if v.string == '.' else v.string
    if v is None or (isinstance(v, float) and math.isnan(v)):
        return None
    return v.item() if hasattr(v, 'item') else v
def key(v):
    return f'.{v}' if isinstance(v, str) else str(int(v))
def letter(k):
    return '.' + chr(96 + k - 2147483621) if k > 2147483621 else str(k)
def by_pandas(path, every=1):
    with StataReader(path, convert_dates=False, convert_categoricals=False, convert_missing=True, preserve_dtypes=False) as r:
        d = r.read(columns=None if every == 1 else list(r.variable_labels())[::every])
        sets = r.value_labels()
        return {
            'title': r.data_label, 'labels': r.variable_labels(),
            'valueLabels': {n: {letter(int(k)): l for k, l in s.items()} for n, s in sets.items()},
            'labelSets': {n: s for n, s in zip(r._varlist, r._lbllist) if s},
            'formats': r._fmtlist,
            'values': {n: [plain(v) for v in d[n].tolist()] for n in d.columns},
        }
def by_readstat(path):
    d, m = pyreadstat.read_dta(path, user_missing=True, disable_datetime_conversion=True, output_format='dict')
    def value(n, v):
        v = plain(v)
        return f'.{v}' if v in m.missing_user_values.get(n, []) else v
    return {
        'title': m.file_label, 'labels': {n: l or '' for n, l in m.column_names_to_labels.items()},
        'valueLabels': {n: {key(k): l for k, l in s.items()} for n, s in m.value_labels.items()},
        'labelSets': m.variable_to_label,
        'formats': [m.original_variable_types[n] for n in m.column_names],
        'values': {n: [value(n, v) for v in d[n]] for n in m.column_names},
    }
readers = {'pandas': by_pandas, 'sample': lambda path: by_pandas(path, 50), 'readstat': by_readstat}
for line in sys.stdin:
    path, wanted = line.rstrip('\\n').split('\\t')
    print(json.dumps({n: readers[n](path) if n in wanted.split(',') else None for n in readers}), flush=True)
`;

export interface DtaReader {
  /** @param readers @default both */
  read(path: string, readers?: string): Promise<DtaRead>;
  close(): Promise<void>;
}

export async function startDtaReader(): Promise<DtaReader> {
  const python = await pythonWith(['pandas==3.1.1', 'pyreadstat==1.3.7']);
  const reader = execa(python, ['-c', READER], { buffer: false, stderr: 'inherit' });
  const lines = createInterface({ input: reader.stdout })[Symbol.asyncIterator]();
  return {
    async read(path, readers = 'pandas,readstat') {
      reader.stdin.write(`${path}\t${readers}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`the readers cannot read ${path}`);
      return JSON.parse(value) as DtaRead;
    },
    async close() {
      reader.stdin.end();
      await reader;
    },
  };
}
