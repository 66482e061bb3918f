import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
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

/** R's haven, in one process for many files. */
export function startHavenReader(): StatisticsReader & { close(): Promise<void> } {
  const reader = execa('Rscript', ['-e', HAVEN], { buffer: false, stderr: 'inherit', env: { LC_ALL: 'C.UTF-8' } });
  const lines = createInterface({ input: reader.stdout })[Symbol.asyncIterator]();
  return {
    dropsBlanks: true,
    async read(path) {
      reader.stdin.write(`${path}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`haven cannot read ${path}`);
      return JSON.parse(value) as StatisticsRead;
    },
    async close() {
      reader.stdin.end();
      await reader;
    },
  };
}
