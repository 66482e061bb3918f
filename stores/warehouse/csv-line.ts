import { WaybillError } from '../../contracts/failures.ts';
import type { CsvOptions } from '../../contracts/order.ts';

const BYTE_ORDER_MARK = '\uFEFF';

/**
 * The bytes before a CSV file's first row: byte order mark and header, where asked for. DuckDB's own header would
 * rename columns whose headers are the same.
 */
export function csvHead(headers: readonly string[], csv: CsvOptions): Uint8Array {
  const line = csv.header ? `${headers.map((header) => csvValue(header, csv)).join(csv.delimiter)}\n` : '';
  return Buffer.from(`${csv.bom ? BYTE_ORDER_MARK : ''}${line}`, 'utf8');
}

/** Quoted as RFC 4180 has it, and where the text would be read as NULL. */
function csvValue(value: string, csv: CsvOptions): string {
  const plain = value !== csv.nullText && !/["\r\n]/.test(value) && !value.includes(csv.delimiter);
  return plain ? value : `"${value.replaceAll('"', '""')}"`;
}

/** @throws WaybillError `invalid_field` for options with which a file could not be read back. */
export function checkCsvOptions({ delimiter, nullText }: CsvOptions): void {
  if (!/^[\t -~]$/.test(delimiter) || delimiter === '"') {
    throw new WaybillError('invalid_field', 'delimiter should be one ASCII character other than a quote or line end.', {
      field: 'delimiter',
    });
  }
  if (nullText.includes(delimiter) || /["\r\n]/.test(nullText)) {
    throw new WaybillError('invalid_field', 'nullText should hold no delimiter, no quote and no line end.', {
      field: 'nullText',
    });
  }
}
