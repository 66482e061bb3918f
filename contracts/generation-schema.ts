import { z } from 'zod';
import { GENERATION_VERSION, type GenerationManifest } from './generation.ts';
import { TENANT_KEY } from './keys.ts';
import { columns, count, fileName, instant, sha256 } from './manifest-schema.ts';

const object = z.object({
  name: fileName.describe("Object key, relative to the manifest's own prefix."),
  bytes: count.describe('Size of the object as stored.'),
  sha256: sha256.describe('SHA-256 of the object as stored.'),
  contentBytes: count.describe('Size of the content before sealing.'),
});

/** Unknown members are left out, not refused: later versions of Waybill may add some. */
export const generationSchema = z
  .object({
    version: z.literal(GENERATION_VERSION),
    kind: z.literal('generation'),
    generationId: z.uuid(),
    workflowId: z.string(),
    tenant: z.string().regex(TENANT_KEY),
    snapshotAt: instant.describe('The time that every file was read at.'),
    recipient: z.string().describe('The one age recipient that every object is sealed to.'),
    files: z.array(
      z.object({
        file: fileName.describe('Name that callers know the file by.'),
        dataset: z.string(),
        rows: count.describe('A count of rows; the same in every format.'),
        columns: columns.describe("In the file's order."),
        objects: z.object({ csv: object, json: object, 'typed-json': object }),
      }),
    ),
    rows: count.describe('Sum over the files, each counted once.'),
    bytes: count.describe('Sum over all objects, as is the one below.'),
    contentBytes: count,
    createdAt: instant,
  })
  .meta({
    title: 'Waybill generation',
    description: 'All periodic files of a tenant at one moment. The ledger names its hash: that is the commit point.',
  });

/** @returns the manifest, or what is wrong with the text, one line a problem. */
export function parseGeneration(
  text: string,
): { readonly generation: GenerationManifest } | { readonly problem: string } {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { problem: 'It is not JSON.' };
  }
  const parsed = generationSchema.safeParse(json);
  return parsed.success ? { generation: parsed.data } : { problem: z.prettifyError(parsed.error) };
}

/** The JSON Schema that docs/generation.schema.json publishes. */
export function generationJsonSchema(): unknown {
  return z.toJSONSchema(generationSchema, { io: 'input' });
}
