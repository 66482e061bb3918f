import { html } from 'hono/html';
import type { Catalog, Dataset } from '../../../config/dataset.ts';
import type { Condition } from '../../../contracts/filter.ts';
import type { Order } from '../../../contracts/order.ts';
import type { Run } from '../../../stores/ledger/ports.ts';
import { orderOf } from '../../on-demand/view.ts';
import { counted, grouped, size } from '../components/figures.ts';
import type { Slip } from '../components/slip.ts';
import type { Times } from '../components/times.ts';
import { datasetTitle, formatText } from '../on-demand/words.ts';

type Values = Slip['values'];

/** What was ordered. */
export function orderValues(run: Run, catalog: Catalog, times: Times): Values {
  const order = orderOf(run);
  const all = catalog.find(order.dataset)?.columns.length;
  const columns = order.columns?.length ?? all;
  const parameters = Object.entries(order.parameters).map(([name, value]) => `${name} ${String(value)}`);
  const window = times.window(order.window);
  return [
    {
      name: 'Dataset',
      value: datasetTitle(catalog, order.dataset),
      about: [
        ...(columns === undefined
          ? []
          : [all === undefined ? counted(columns, 'column') : `${columns} of ${counted(all, 'column')}`]),
        ...parameters,
      ].join(', '),
    },
    {
      name: 'Window',
      value: window,
      about: window === 'all' ? 'rows of any time' : 'created or modified, both ends included',
    },
    {
      name: 'Read at',
      value: run.snapshotAt === null ? 'not yet' : times.exact(new Date(run.snapshotAt)),
      about: run.snapshotAt === null ? 'fixed when the rows are counted' : 'every row at this one moment',
    },
    { name: 'Format', value: formatText(order), about: formatDetail(order) },
    ...(order.filter ? [filterValue(order.filter, catalog.find(order.dataset))] : []),
    sealing(order),
  ];
}

/** What came of it. */
export function outcomeValues(run: Run, times: Times): Values {
  if (run.rows === null || run.bytes === null || run.contentBytes === null) return [];
  return [
    { name: 'Rows', value: grouped(run.rows), about: 'counted while written' },
    {
      name: 'Size',
      value: size(run.bytes),
      about:
        run.contentBytes === run.bytes
          ? 'as it is downloaded'
          : [size(run.contentBytes), ' before compression and sealing'],
    },
    ...(run.expiresAt === null
      ? []
      : [{ name: 'Kept until', value: times.moment(run.expiresAt), about: times.until(run.expiresAt) }]),
  ];
}

const DELIMITERS: Readonly<Record<string, string>> = { ',': 'comma', ';': 'semicolon', '\t': 'tab', '|': 'bar' };

function formatDetail({ format, csv }: Order): string {
  if (format === 'parquet') return 'zstd inside';
  if (format === 'xlsx') return 'typed cells, and a sheet that describes the columns';
  if (format === 'sav') return 'for SPSS, with labels, types and missing values';
  if (format === 'zsav') return 'for SPSS 21 and later, with labels, types and missing values; zlib inside';
  if (format === 'dta') return 'for Stata 14 and later, with labels, types and missing values';
  if (format === 'jsonl') return 'one object a line, UTF-8';
  const delimiter = DELIMITERS[csv.delimiter] ?? csv.delimiter;
  return `${delimiter}, ${csv.header ? 'header' : 'no header'}, UTF-8${csv.bom ? ' with BOM' : ''}`;
}

function filterValue(filter: readonly Condition[], dataset: Dataset | undefined): Values[number] {
  const headerOf = (name: string) => dataset?.columns.find((column) => column.name === name)?.header ?? name;
  const [first, ...others] = filter.map((condition) => `${headerOf(condition.column)} ${testText(condition)}`);
  return { name: 'Filter', value: first ?? '', about: others.join('; ') };
}

function testText(condition: Condition): string {
  switch (condition.op) {
    case 'eq':
      return `is ${condition.value}`;
    case 'in':
      return `is one of ${condition.values.join(', ')}`;
    case 'isNull':
      return 'is empty';
    case 'range':
      if (condition.from === null) return `is at most ${condition.to}`;
      return condition.to === null ? `is at least ${condition.from}` : `is from ${condition.from} to ${condition.to}`;
  }
}

function sealing({ recipients }: Order): Values[number] {
  const [first] = recipients;
  if (first === undefined) return { name: 'Sealed to', value: 'nobody', about: 'the file is not sealed' };
  const short = `${first.slice(0, 12)}…${first.slice(-9)}`;
  return {
    name: 'Sealed to',
    value: counted(recipients.length, 'recipient'),
    about: html`<code title="${first}">${short}</code>`,
  };
}
