import { tmpdir } from 'node:os';
import { activityInfo } from '@temporalio/activity';
import { attemptKeys, attemptName, objectStem } from '../contracts/attempts.ts';
import { WaybillError } from '../contracts/failures.ts';
import { runPrefix } from '../contracts/keys.ts';
import { ZIP_ENCRYPTION } from '../contracts/manifest.ts';
import { type ArchiveContent, fileExtension, mediaType, type RunOrder } from '../contracts/order.ts';
import { type ArchiveType, ATTACHMENTS, parseReference } from '../contracts/questionnaires.ts';
import type { ArchiveInput, RunPlan, StepResult, WrittenArchive } from '../contracts/steps.ts';
import type { Ledger } from '../stores/ledger/ports.ts';
import type { Objects } from '../stores/objects/objects.ts';
import type { Warehouse } from '../stores/warehouse/warehouse.ts';
import { seal } from '../streams/age/payload.ts';
import { createMeter } from '../streams/meter.ts';
import { type ZipEntry, zip } from '../streams/zip.ts';
import { type ArchiveDocument, type ArchiveTitle, readmeOf, scriptsOf } from './archive-documents.ts';
import {
  type ArchivedTable,
  type ArchiveState,
  attachmentEntries,
  documentEntry,
  type EntryPorts,
  tableEntry,
} from './archive-entries.ts';
import { ENTRY_NAME } from './entry-name.ts';
import type { Ports } from './ports.ts';
import { findQuestionnaire, type TenantRows } from './questionnaire-rows.ts';
import { createResolve } from './resolve.ts';
import { type AttemptPorts, type BeginObject, createWriteAttempt } from './write-attempt.ts';

interface ArchivePorts
  extends AttemptPorts,
    Pick<Ports, 'catalog' | 'attachments' | 'archivePasswords' | 'tempDirectory' | 'turns'> {
  readonly ledger: { readonly archives: Pick<Ledger['archives'], 'settings'> };
  readonly warehouse: Pick<Warehouse, 'read' | 'vectors' | 'memory'>;
  readonly objects: AttemptPorts['objects'] & Pick<Objects, 'write'>;
}

/**
 * Writes all files of a run as one archive: warehouse -> zip -> seal -> object store, in bounded memory, under a key that only this
 * attempt uses. Nothing of it is stored anywhere else. Each attempt encrypts with the password that the tenant has then; whether that
 * one still applies is checked when the run is committed.
 */
export function createArchive(ports: ArchivePorts) {
  const writeAttempt = createWriteAttempt(ports);
  return async function archive(input: ArchiveInput): Promise<StepResult<WrittenArchive>> {
    const { tenant, order } = input;
    return writeAttempt({ tenant, dataset: order.subject }, (signal, begin) =>
      ports.turns.take(signal, () => writeArchive(ports, input, signal, begin)),
    );
  };
}

/**
 * @throws WaybillError `source_changed` if other rows are read than were planned; `dataset_broken` if the password cannot be opened;
 *   errors of ledger, warehouse and object store
 */
async function writeArchive(
  ports: ArchivePorts,
  input: ArchiveInput,
  signal: AbortSignal,
  begin: BeginObject,
): Promise<WrittenArchive> {
  const { order, plan, round, runId, tenant } = input;
  const { recipients } = order;
  const { attempt, workflowExecution } = activityInfo();
  const shape = { format: 'zip', compression: 'none', recipients } as const;
  const executionId = workflowExecution?.runId ?? runId;
  const object = { stem: objectStem('archive', 0, executionId, round), extension: fileExtension(shape) };
  const prefix = runPrefix(input);
  const name = attemptName(object, attempt);
  const key = prefix + name;
  const state: ArchiveState = { rows: 0, rowsHere: () => 0, members: [], notes: [] };
  const content = createMeter(0);
  const password = await passwordOf(ports, tenant);
  const isSealed = recipients.length > 0;
  let uploadId: string | null = null;
  let storedBytes = 0;
  begin(key, () => ({
    index: 0,
    rows: state.rows + state.rowsHere(),
    contentBytes: content.bytes,
    storedBytes,
    key,
    uploadId,
  }));
  await ports.objects.abortUploadsOf(attemptKeys(prefix, [{ ...object, attempts: attempt - 1 }]));
  const entries = entriesOf(ports, input, { ...ports, directory: ports.tempDirectory ?? tmpdir(), signal }, state, {
    zip64: attempt > 1,
    hashed: !isSealed && password === undefined,
  });
  const bytes = content.measure(zip(entries, signal, { names: ENTRY_NAME, password }));
  const written = await ports.objects.write(key, isSealed ? seal(bytes, recipients) : bytes, {
    contentType: mediaType(shape),
    signal,
    onUpload: (id) => {
      uploadId = id;
    },
    onProgress: (count) => {
      storedBytes = count;
    },
  });
  const rows = plan.files.reduce((sum, file) => sum + file.rows, 0);
  const hashes = { contentBytes: content.bytes, contentSha256: isSealed ? null : written.sha256 };
  return {
    ...{ part: { name, rows, ...written, ...hashes }, members: state.members },
    ...(password !== undefined && { encryption: ZIP_ENCRYPTION }),
  };
}

/** @returns `undefined`: the tenant has set none. @throws WaybillError `dataset_broken` rather than write without it */
async function passwordOf(
  { ledger, archivePasswords }: Pick<ArchivePorts, 'ledger' | 'archivePasswords'>,
  tenant: string,
): Promise<string | undefined> {
  const sealed = (await ledger.archives.settings(tenant))?.password;
  if (!sealed) return undefined;
  try {
    if (!archivePasswords) throw new Error('the worker has no WAYBILL_SECRETS_KEY');
    return archivePasswords.open(tenant, sealed);
  } catch (cause) {
    const message = 'The password of archives can no longer be read. The operator sets it again.';
    throw new WaybillError('dataset_broken', message, { cause });
  }
}

/** The tables in their order, the do-files of each table of text, and the readme. */
async function* entriesOf(
  { catalog }: Pick<Ports, 'catalog'>,
  { tenant, order, plan }: ArchiveInput,
  ports: EntryPorts,
  state: ArchiveState,
  options: { readonly zip64: boolean; readonly hashed: boolean },
): AsyncGenerator<ZipEntry> {
  const { snapshotAt, warehouseKey = tenant } = plan;
  const resolve = createResolve(catalog, { ...ports, tenantKey: warehouseKey });
  const tables = await archivedTables(order, plan, warehouseKey, resolve);
  const write = (document: ArchiveDocument) => documentEntry(document, state, { snapshotAt, hashed: options.hashed });
  for (const table of tables) {
    if (parseReference(table.order.dataset)?.table === ATTACHMENTS) {
      yield* attachmentEntries(ports, table, state, { snapshotAt });
    } else {
      yield tableEntry(ports, table, state, { snapshotAt, ...options });
      if (table.order.format === 'tab') for (const script of scriptsOf(table)) yield write(script);
    }
  }
  if (!order.archive || !READMES.includes(order.archive.type)) return;
  const title = await titleOf(catalog, { ...ports, tenantKey: warehouseKey }, order.archive);
  yield write(readmeOf(title, tables, snapshotAt, state.notes));
}

const READMES: readonly ArchiveType[] = ['tabular', 'stata', 'spss'];

/** @throws WaybillError `dataset_broken` if the questionnaire is no longer there */
async function titleOf(catalog: Ports['catalog'], rows: TenantRows, archive: ArchiveContent): Promise<ArchiveTitle> {
  const { questionnaire, version, status, from, to } = archive;
  const bundle = catalog.bundles.find(({ name }) => name === archive.bundle);
  if (!bundle) throw new WaybillError('dataset_broken', 'The catalog no longer offers questionnaires.');
  const { title } = await findQuestionnaire(rows, bundle, archive);
  return { title, questionnaire, version, status, from, to };
}

async function archivedTables(
  { files, recipients }: RunOrder,
  plan: RunPlan,
  tenant: string,
  resolve: ReturnType<typeof createResolve>,
): Promise<readonly ArchivedTable[]> {
  const tables: ArchivedTable[] = [];
  for (const [place, { name, formats, ...content }] of files.entries()) {
    const [format] = formats;
    const part = plan.files[place]?.parts[0];
    if (!format || !part) throw new RangeError('a table of an archive was not planned');
    const dataset = await resolve(content.dataset);
    tables.push({ name, dataset, part, order: { ...content, tenant, recipients, format } });
  }
  return tables;
}
