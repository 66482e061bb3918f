import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { pythonWith } from '../stack/python.ts';
import type { SavRead, SavReader } from './sav-readers.ts';

/** What archives are compared by: names, labels, missing values, formats and values of a file of SPSS or Stata. */
export type StatisticsRead = Pick<SavRead, 'names' | 'labels' | 'valueLabels' | 'missing' | 'formats' | 'values'>;

/** An independent reader of `.sav` and `.dta`. */
export interface StatisticsReader {
  /** Bytes of labels of variables that it keeps of a `.sav`, if that is less than the format has. */
  readonly labelBytes?: number;
  /** Whether it drops blanks at the end of texts of a `.dta`. */
  readonly dropsBlanks?: boolean;
  read(path: string): Promise<StatisticsRead>;
}

/** Reads what PSPP writes after it has read a `.sav`. PSPP shares no code with the other readers; any warning of it fails. */
export function throughPspp(reader: SavReader): StatisticsReader {
  return {
    labelBytes: 255,
    async read(path) {
      const copy = path.replace(/\.sav$/, '-pspp.sav');
      const { all } = await execa('pspp-convert', [path, copy], { all: true });
      if (all !== '') throw new Error(`PSPP says: ${all}`);
      const read = await reader.read(copy);
      await rm(copy);
      return read;
    },
  };
}

/**
 * Answers a line for each path that it is sent; any warning ends it. haven gives dates and times as R's own; here they are as in the
 * file again. What haven does not convert, labels and missing values of dates, is so already.
 */
const HAVEN = `
options(warn = 2); library(haven)
quoted <- function(x) {
  for (pair in list(c("\\\\", "\\\\\\\\"), c("\\"", "\\\\\\""), c("\\n", "\\\\n"), c("\\r", "\\\\r"), c("\\t", "\\\\t")))
    x <- gsub(pair[1], pair[2], x, fixed = TRUE)
  ifelse(is.na(x), "null", paste0("\\"", x, "\\""))
}
list_of <- function(x) paste0("[", paste(x, collapse = ","), "]")
object_of <- function(names, x) paste0("{", paste(quoted(names), x, sep = ":", collapse = ","), "}")
json <- function(x) {
  if (is.null(x)) return(character(0))
  if (is.character(x)) return(quoted(x))
  tag <- na_tag(x)
  ifelse(is.na(x), quoted(tag), sprintf("%.17g", x))
}
key <- function(x) {
  if (is.character(x)) return(x)
  ifelse(is.na(x), na_tag(x), ifelse(x == trunc(x), sprintf("%.0f", x), sprintf("%.15g", x)))
}
bare <- function(x) { attributes(x) <- NULL; x }
in_file <- function(x, format) {
  x <- bare(x)
  if (grepl("^%td", format)) return(ifelse(is.na(x), x, round(x + 3653)))
  if (grepl("^%tc", format)) return(ifelse(is.na(x), x, round((x + 315619200) * 1000)))
  if (grepl("^SDATE", format)) return(x * 86400 + 12219379200)
  if (grepl("^DATETIME", format)) return(x + 12219379200)
  x
}
missing_of <- function(x) {
  values <- json(attr(x, "na_values"))
  range <- json(attr(x, "na_range"))
  ranges <- c(sprintf("{\\"lo\\":%s,\\"hi\\":%s}", values, values),
    if (length(range) == 2) sprintf("{\\"lo\\":%s,\\"hi\\":%s}", range[1], range[2]))
  list_of(ranges)
}
input <- file("stdin", "r", encoding = "UTF-8")
while (length(path <- readLines(input, n = 1)) == 1) {
  is_stata <- grepl("dta$", path)
  d <- if (is_stata) read_dta(path) else read_sav(path, user_na = TRUE)
  formats <- vapply(d, function(x) attr(x, if (is_stata) "format.stata" else "format.spss"), "")
  labels <- vapply(d, function(x) { l <- attr(x, "label"); if (is.null(l)) "" else l }, "")
  has <- function(name) Filter(function(at) !is.null(attr(d[[at]], name)), seq_along(d))
  labelled <- has("labels"); lacking <- union(has("na_values"), has("na_range"))
  of <- function(at, f) if (length(at) == 0) "{}" else object_of(names(d)[at], vapply(at, function(i) f(d[[i]]), ""))
  cat("{\\"names\\":", list_of(quoted(names(d))), ",\\"labels\\":", list_of(quoted(bare(labels))),
    ",\\"formats\\":", list_of(quoted(bare(formats))),
    ",\\"valueLabels\\":", of(labelled, function(x) { l <- attr(x, "labels"); object_of(key(bare(l)), quoted(names(l))) }),
    ",\\"missing\\":", of(lacking, missing_of),
    ",\\"values\\":", list_of(vapply(seq_along(d), function(i) list_of(json(in_file(d[[i]], formats[i]))), "")),
    "}\\n", sep = "")
  flush(stdout())
}
`;

/**
 * Answers a line for each path that it is sent. readstat-arrow gives dates and times as Arrow's own; here they are as in the file again.
 */
const READSTAT_ARROW = `
import datetime, json, sys, readstat_arrow
def micros(v):
    return v // datetime.timedelta(microseconds=1)
def in_file(v, is_stata):
    if isinstance(v, dict):
        return v['tag'] or in_file(v['value'], is_stata)
    if isinstance(v, datetime.datetime):
        past = micros(v - datetime.datetime(1970, 1, 1))
        return (past + 315619200000000) / 1000 if is_stata else past / 1e6 + 12219379200
    if isinstance(v, datetime.date):
        days = v.toordinal() - 719163
        return days + 3653 if is_stata else days * 86400 + 12219379200
    if isinstance(v, datetime.time):
        past = micros(datetime.datetime.combine(datetime.date.min, v) - datetime.datetime.min)
        return past / 1000 if is_stata else past / 1e6
    return v
def key(v):
    return str(int(v)) if isinstance(v, float) and v == int(v) else str(v)
def ranges(missing):
    values = missing.get('values', [missing['value']] if 'value' in missing else [])
    range = [{'lo': missing['lo'], 'hi': missing['hi']}] if 'lo' in missing else []
    return range + [{'lo': v, 'hi': v} for v in values]
for line in sys.stdin:
    path = line.rstrip('\\n')
    is_stata = path.endswith('.dta')
    read = readstat_arrow.read_dta if is_stata else readstat_arrow.read_sav
    table, m = read(path, preserve_user_missing=True)
    names = table.column_names
    print(json.dumps({
        'names': names,
        'labels': [m.variable_labels.get(n) or '' for n in names],
        'valueLabels': {n: {key(c['value']): c['label'] for c in codes} for n, codes in m.value_labels.items()},
        'missing': {n: ranges(missing) for n, missing in m.missing_values.items()},
        'formats': [m.formats[n] for n in names],
        'values': [[in_file(v, is_stata) for v in table.column(n).to_pylist()] for n in names],
    }), flush=True)
`;

type OpenReader = StatisticsReader & { close(): Promise<void> };

/** `readstat-arrow`, in one process for many files. */
export async function startReadstatArrow(): Promise<OpenReader> {
  const python = await pythonWith(['pyarrow==26.0.1', 'readstat-arrow==2026.10.20.0']);
  return openReader('readstat-arrow', python, ['-c', READSTAT_ARROW]);
}

/** R's haven, in one process for many files. */
export function startHavenReader(): OpenReader {
  return { ...openReader('haven', 'Rscript', ['-e', HAVEN]), dropsBlanks: true };
}

/** A program that answers a line of JSON for each path. */
function openReader(name: string, program: string, args: readonly string[]): OpenReader {
  const reader = execa(program, args, { buffer: false, stderr: 'inherit', env: { LC_ALL: 'C.UTF-8' } });
  const lines = createInterface({ input: reader.stdout })[Symbol.asyncIterator]();
  return {
    async read(path) {
      reader.stdin.write(`${path}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`${name} cannot read ${path}`);
      return JSON.parse(value) as StatisticsRead;
    },
    async close() {
      reader.stdin.end();
      await reader;
    },
  };
}
