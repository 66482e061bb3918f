import { createHash } from 'node:crypto';
import type { Instant } from '../../contracts/instant.ts';
import { describeManifest, type FileContents, type Manifest } from '../../contracts/manifest.ts';
import { CSV_DEFAULTS, formatExtension } from '../../contracts/order.ts';
import { PERIODIC_FORMATS, type PeriodicFormat } from '../../contracts/periodic.ts';
import { seal } from '../../streams/age/payload.ts';
import { collect } from '../../streams/stream-fixture.ts';

/** For tests: a generation made as the worker makes it. */
export interface GenerationFixture {
  readonly manifest: Manifest;
  /** Content of every file, by `<file>.<extension>`. */
  readonly opened: Readonly<Record<string, string>>;
  /** Stored bytes of every file, by `<file>.<extension>.age`. */
  readonly sealed: Readonly<Record<string, Buffer>>;
}

/** Of two rows, with quotes, and of none. */
const FILES: readonly (readonly [file: string, rows: number, Readonly<Record<PeriodicFormat, string>>])[] = [
  [
    'user',
    2,
    {
      csv: 'id,name\n1,"Ada\nL"\n2,\n',
      json: '[\n\t{"id":"1","name":"}"},\n\t{"id":"2","name":null}\n]\n',
      'typed-json': '[\n\t{"id":1,"name":"}"},\n\t{"id":2,"name":null}\n]\n',
    },
  ],
  ['year', 0, { csv: 'id,name\n', json: '[\n]\n', 'typed-json': '[\n]\n' }],
];

const at = '2026-11-21T01:30:07.123456Z' as Instant;

export async function makeGeneration(recipient: string): Promise<GenerationFixture> {
  const opened: Record<string, string> = {};
  const sealed: Record<string, Buffer> = {};
  const files: FileContents[] = [];
  for (const [name, rows, contents] of FILES) {
    for (const format of PERIODIC_FORMATS) {
      const content = contents[format];
      const extension = formatExtension(format);
      const object = await collect(seal(once(Buffer.from(content)), [recipient]));
      opened[`${name}.${extension}`] = content;
      sealed[`${name}.${extension}.age`] = object;
      const part = {
        ...{
          name: `${name}-a1.${extension}.age`,
          rows,
          bytes: object.length,
          contentBytes: Buffer.byteLength(content),
        },
        ...{ sha256: createHash('sha256').update(object).digest('hex'), contentSha256: null },
      };
      files.push({
        ...{
          name,
          file: `${name}.${extension}.age`,
          dataset: name.toUpperCase(),
          window: null,
          parameters: {},
          format,
        },
        ...{ csv: format === 'csv' ? CSV_DEFAULTS : null, compression: 'none' },
        columns: ['id', 'name'].map((column) => ({ name: column, header: column, type: 'text' })),
        parts: [part],
      });
    }
  }
  const manifest = describeManifest(
    {
      ...{ kind: 'periodic', runId: '0b2f1a52-6f0e-4a0c-9a36-3a9d8d0f3c11', tenant: 'acme' },
      ...{ workflowId: 'periodic-export|tenantKey:acme', snapshotAt: at, recipients: [recipient] },
      ...{ createdAt: at, expiresAt: null },
    },
    files,
  );
  return { manifest, opened, sealed };
}

async function* once(content: Uint8Array): AsyncGenerator<Uint8Array> {
  yield content;
}
