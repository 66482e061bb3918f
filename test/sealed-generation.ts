import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { type Instant, instantFromDate } from '../contracts/instant.ts';
import { manifestKey } from '../contracts/keys.ts';
import { describeManifest, type FileContents, type Manifest } from '../contracts/manifest.ts';
import { CSV_DEFAULTS, formatExtension } from '../contracts/order.ts';
import { PERIODIC_FORMATS, type PeriodicFormat } from '../contracts/periodic.ts';
import { seal } from '../streams/age/payload.ts';
import { collect } from '../streams/stream-fixture.ts';
import type { ComposedApi, StartedApi } from './api-set-up.ts';
import { generationPrefix } from './keys.ts';
import { runOf } from './scripted-temporal.ts';

/** The content of one file in each format. */
export interface PlainFile {
  readonly csv: string | Uint8Array;
  readonly json: string | Uint8Array;
  readonly 'typed-json': string | Uint8Array;
  /** Types in the catalog, by column. */
  readonly columns: Readonly<Record<string, string>>;
}

export const SNAPSHOT_AT = '2026-11-21T01:30:07.123456Z' as Instant;

/** With an integer beyond 2^53 and a decimal that is not exact as a double. */
export const FILES: Readonly<Record<string, PlainFile>> = {
  HIDDEN: {
    csv: 'id\n1\n',
    json: '[\n\t{"id":"1"}\n]\n',
    'typed-json': '[\n\t{"id":1}\n]\n',
    columns: { id: 'integer' },
  },
  user: {
    csv: 'id,name,score,active\n9007199254740993,Ada,1.10,true\n2,,,false\n',
    json:
      '[\n\t{"id":"9007199254740993","name":"Ada","score":"1.10","active":"true"},\n' +
      '\t{"id":"2","name":null,"score":null,"active":"false"}\n]\n',
    'typed-json':
      '[\n\t{"id":9007199254740993,"name":"Ada","score":1.10,"active":true},\n' +
      '\t{"id":2,"name":null,"score":null,"active":false}\n]\n',
    columns: { id: 'integer', name: 'text', score: 'decimal', active: 'boolean' },
  },
  year: { csv: 'id\n', json: '[\n]\n', 'typed-json': '[\n]\n', columns: { id: 'integer' } },
};

/** Publishes a generation as a run would: objects, manifest, commit. Periodic exports must be enabled. */
export async function publishSealed(
  { ledger }: Pick<StartedApi, 'ledger'>,
  { objects }: Pick<ComposedApi, 'objects'>,
  tenant: string,
  files: Readonly<Record<string, PlainFile>> = FILES,
): Promise<Manifest> {
  const run = runOf(tenant);
  const begun = await ledger.runs.begin(run);
  const recipient = begun.outcome === 'begun' ? begun.standingOrder?.recipient : undefined;
  if (!recipient) throw new Error('periodic exports are not enabled, or another run is active');
  const { runId: generationId } = run;
  const prefix = generationPrefix(tenant, generationId);

  async function sealFile(
    name: string,
    format: PeriodicFormat,
    { columns, ...contents }: PlainFile,
  ): Promise<FileContents> {
    const plain = Buffer.from(contents[format]);
    const sealed = await collect(seal(Readable.from([plain]), [recipient ?? '']));
    const extension = `${formatExtension(format)}.age`;
    const part = {
      ...{ name: `${name}-a-1.${extension}`, rows: 3, bytes: sealed.byteLength, sha256: sha256(sealed) },
      ...{ contentBytes: plain.byteLength, contentSha256: null },
    };
    objects.stored.set(`${prefix}${part.name}`, sealed);
    return {
      ...{ name, file: `${name}.${extension}`, dataset: name, window: null, parameters: {}, format },
      ...{ csv: format === 'csv' ? CSV_DEFAULTS : null, compression: 'none' },
      columns: Object.entries(columns).map(([column, type]) => ({ name: column, header: column, type })),
      parts: [part],
    };
  }
  const written = await Promise.all(
    Object.entries(files).flatMap(([name, plain]) => PERIODIC_FORMATS.map((format) => sealFile(name, format, plain))),
  );
  const manifest = describeManifest(
    {
      ...{ kind: 'periodic', runId: generationId, workflowId: run.workflowId, tenant, recipients: [recipient] },
      ...{ snapshotAt: SNAPSHOT_AT, createdAt: instantFromDate(run.startedAt), expiresAt: null },
    },
    written,
  );
  const text = Buffer.from(JSON.stringify(manifest));
  objects.stored.set(manifestKey(prefix), text);
  const { rows, bytes, contentBytes } = manifest;
  const committed = await ledger.runs.commit(generationId, {
    ...{ snapshotAt: SNAPSHOT_AT, files: Object.keys(files).length, parts: written.length, rows, bytes, contentBytes },
    manifestSha256: sha256(text),
    retention: { replaceAfterSeconds: 60 },
  });
  if (!committed) throw new Error('the generation was not published');
  return manifest;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
