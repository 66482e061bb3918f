import type { Catalog } from '../../../config/dataset.ts';
import type { AuditFilter, AuditLine, Ledger } from '../../../stores/ledger/ports.ts';
import { aboutOf, addressOf, resultOf, whoOf } from './entry.ts';
import { actionWords } from './words.ts';

/** Lines that are read at once. */
const BATCH = 1000;

const COLUMNS: readonly (readonly [name: string, value: (line: AuditLine, catalog: Catalog) => string])[] = [
  ['at', ({ at }) => at.toISOString()],
  ['action', ({ action }) => action],
  ['what', ({ action }) => actionWords(action)],
  ['who', (line) => whoOf(line)],
  ['run', ({ run }) => (run === null ? '' : String(run.number))],
  ['run_id', ({ runId }) => runId ?? ''],
  ['of', (line, catalog) => aboutOf(line, catalog)],
  ['address', (line) => addressOf(line) ?? ''],
  ['result', (line) => resultOf(line)],
];

/**
 * The trail as CSV (RFC 4180), newest first, in pages.
 *
 * A failed log-in can put any text there, so a text that spreadsheets would take for a formula gets an apostrophe in front.
 * Source: OWASP, CSV Injection.
 */
export async function* auditCsv(
  { ledger, catalog }: { readonly ledger: Pick<Ledger, 'audit'>; readonly catalog: Catalog },
  tenant: string,
  filter: AuditFilter,
): AsyncGenerator<Uint8Array> {
  yield Buffer.from(`${COLUMNS.map(([name]) => name).join(',')}\r\n`);
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<Ledger['audit']['page']>> = await ledger.audit.page(tenant, filter, {
      cursor,
      limit: BATCH,
    });
    yield Buffer.from(
      page.rows.map((line) => `${COLUMNS.map(([, of]) => csvField(of(line, catalog))).join(',')}\r\n`).join(''),
    );
    cursor = page.next;
  } while (cursor !== null);
}

export function csvField(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
