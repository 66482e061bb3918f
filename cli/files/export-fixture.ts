import { createHash } from 'node:crypto';
import type { Instant } from '../../contracts/instant.ts';
import { describeManifest, type Manifest, type ManifestPart } from '../../contracts/manifest.ts';
import { type Compression, CSV_DEFAULTS, type CsvOptions } from '../../contracts/order.ts';
import { seal } from '../../streams/age/payload.ts';
import { compress } from '../../streams/compress.ts';
import { collect } from '../../streams/stream-fixture.ts';

/** For tests: an export made as the worker makes it, from the content of its parts. */
export interface ExportFixture {
  readonly manifest: Manifest;
  /** The stored bytes of each part. */
  readonly stored: readonly Buffer[];
}

const at = '2026-11-21T07:41:13.000001Z' as Instant;

/** @param contents of the parts, with a count of rows each; the first begins with the header. */
export async function makeExport(
  contents: readonly (readonly [text: string, rows: number])[],
  options: {
    readonly compression: Compression;
    readonly recipients: readonly string[];
    readonly csv?: Partial<CsvOptions>;
  },
): Promise<ExportFixture> {
  const { compression, recipients } = options;
  const extension = `csv${{ none: '', gzip: '.gz', zstd: '.zst' }[compression]}${recipients.length > 0 ? '.age' : ''}`;
  const stored: Buffer[] = [];
  const parts: ManifestPart[] = [];
  for (const [index, [text, rows]] of contents.entries()) {
    const content = Buffer.from(text);
    let bytes: AsyncIterable<Uint8Array> = once(content);
    if (compression !== 'none') bytes = compress(bytes, compression);
    if (recipients.length > 0) bytes = seal(bytes, recipients);
    const object = await collect(bytes);
    stored.push(object);
    parts.push({
      name: `part-${String(index).padStart(5, '0')}-a1.${extension}`,
      rows,
      bytes: object.length,
      sha256: sha256(object),
      contentBytes: content.length,
      contentSha256: recipients.length > 0 ? null : sha256(content),
    });
  }
  const manifest = describeManifest(
    {
      ...{ kind: 'on-demand', runId: '0b2f1a52-6f0e-4a0c-9a36-3a9d8d0f3c11', tenant: 'acme' },
      ...{ workflowId: 'data-export|tenantKey:acme', snapshotAt: at, recipients },
      ...{ createdAt: at, expiresAt: '2026-12-21T07:41:13.000001Z' as Instant },
    },
    [
      {
        ...{ name: 'users', file: `users.${extension}`, dataset: 'USERS', parameters: {}, format: 'csv', compression },
        window: { from: at, to: at, bounds: 'inclusive' },
        csv: { ...CSV_DEFAULTS, ...options.csv },
        columns: [{ name: 'id', header: 'User ID', type: 'integer' }],
        parts,
      },
    ],
  );
  return { manifest, stored };
}

async function* once(content: Uint8Array): AsyncGenerator<Uint8Array> {
  yield content;
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
