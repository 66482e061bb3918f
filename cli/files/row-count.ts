const LF = 0x0a;
const QUOTE = 0x22;

/** Counts the records of a CSV or JSONL stream that is cut anywhere. */
export interface RowCount {
  update(chunk: Uint8Array): void;
  /** A count of records, the header included; a last one needs no line end. */
  readonly records: number;
}

/**
 * Records end at a line feed outside of quotes. A quote inside of quotes is doubled, so it ends and begins them again
 * and needs no case of its own. Source: RFC 4180.
 */
export function createRowCount(format: 'csv' | 'jsonl'): RowCount {
  const quotes = format === 'csv';
  let complete = 0;
  let inQuotes = false;
  let open = false;

  return {
    update(chunk) {
      let at = 0;
      let quote = quotes ? chunk.indexOf(QUOTE) : -1;
      while (at < chunk.length) {
        if (inQuotes) {
          if (quote < 0) break;
          inQuotes = false;
          at = quote + 1;
          quote = chunk.indexOf(QUOTE, at);
          continue;
        }
        const feed = chunk.indexOf(LF, at);
        if (quote >= 0 && (feed < 0 || quote < feed)) {
          inQuotes = true;
          at = quote + 1;
          quote = chunk.indexOf(QUOTE, at);
        } else if (feed >= 0) {
          complete += 1;
          at = feed + 1;
        } else {
          break;
        }
      }
      const last = chunk.at(-1);
      if (last !== undefined) open = inQuotes || last !== LF;
    },
    get records() {
      return complete + (open ? 1 : 0);
    },
  };
}
