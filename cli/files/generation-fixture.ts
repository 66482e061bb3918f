import { createHash } from 'node:crypto';
import type { GenerationManifest, GenerationObject } from '../../contracts/generation.ts';
import type { Instant } from '../../contracts/instant.ts';
import { formatExtension, PERIODIC_FORMATS, type PeriodicFormat } from '../../contracts/order.ts';
import { seal } from '../../streams/age/payload.ts';
import { collect } from '../../streams/stream-fixture.ts';

/** For tests: a generation made as the worker makes it. */
export interface GenerationFixture {
  readonly generation: GenerationManifest;
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

  async function make(file: string, format: PeriodicFormat, content: string): Promise<GenerationObject> {
    const object = await collect(seal(once(Buffer.from(content)), [recipient]));
    const extension = formatExtension(format);
    opened[`${file}.${extension}`] = content;
    sealed[`${file}.${extension}.age`] = object;
    return {
      name: `${file}-a1.${extension}.age`,
      bytes: object.length,
      sha256: createHash('sha256').update(object).digest('hex'),
      contentBytes: Buffer.byteLength(content),
    };
  }

  const files = [];
  for (const [file, rows, contents] of FILES) {
    files.push({
      ...{ file, dataset: file.toUpperCase(), rows },
      columns: ['id', 'name'].map((name) => ({ name, header: name, type: name === 'id' ? 'integer' : 'text' })),
      objects: {
        csv: await make(file, 'csv', contents.csv),
        json: await make(file, 'json', contents.json),
        'typed-json': await make(file, 'typed-json', contents['typed-json']),
      },
    });
  }
  const objects = files.flatMap((file) => PERIODIC_FORMATS.map((format) => file.objects[format]));
  const generation: GenerationManifest = {
    version: 1,
    kind: 'generation',
    generationId: '0b2f1a52-6f0e-4a0c-9a36-3a9d8d0f3c11',
    workflowId: 'periodic-export|tenantKey:acme',
    tenant: 'acme',
    snapshotAt: at,
    recipient,
    files,
    rows: files.reduce((sum, { rows }) => sum + rows, 0),
    bytes: objects.reduce((sum, { bytes }) => sum + bytes, 0),
    contentBytes: objects.reduce((sum, { contentBytes }) => sum + contentBytes, 0),
    createdAt: at,
  };
  return { generation, opened, sealed };
}

async function* once(content: Uint8Array): AsyncGenerator<Uint8Array> {
  yield content;
}
