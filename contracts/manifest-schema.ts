import { z } from 'zod';
import type { Instant } from './instant.ts';
import { TENANT_KEY } from './keys.ts';
import { MANIFEST_VERSION, type Manifest } from './manifest.ts';
import { COMPRESSIONS, FORMATS } from './order.ts';

export const count = z.int().min(0);
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
export const instant = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/)
  .transform((text) => text as Instant);
/** A name in a directory, so that a manifest of others cannot make a reader leave its own. */
export const fileName = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9._-]*$/);

export const columns = z.array(z.object({ name: z.string(), header: z.string(), type: z.string() }));

const part = z.object({
  name: fileName.describe("Object key, relative to the manifest's own prefix."),
  rows: count.describe('A count of rows.'),
  bytes: count.describe('Size of the object as stored.'),
  sha256: sha256.describe('SHA-256 of the object as stored.'),
  contentBytes: count.describe('Size of the content before compression and sealing.'),
  contentSha256: sha256.nullable().describe('SHA-256 of that content; null where the part is sealed.'),
});

/** Unknown members are left out, not refused: later versions of Waybill may add some. */
export const manifestSchema = z
  .object({
    version: z.literal(MANIFEST_VERSION),
    exportId: z.uuid(),
    workflowId: z.string(),
    tenant: z.string().regex(TENANT_KEY),
    dataset: z.string(),
    window: z
      .object({ from: instant, to: instant, bounds: z.enum(['inclusive', 'half-open']) })
      .describe('On the time that a row was created or modified.'),
    parameters: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
    snapshotAt: instant.describe('The time that every part was read at.'),
    format: z.enum(FORMATS),
    csv: z
      .object({
        header: z.boolean(),
        delimiter: z.string(),
        bom: z.boolean(),
        nullText: z.string(),
        formulaGuard: z.boolean(),
      })
      .nullable()
      .describe('null for other formats than CSV.'),
    compression: z.enum(COMPRESSIONS),
    recipients: z.array(z.string()).describe('age recipients that the parts are sealed to; empty: not sealed.'),
    columns,
    file: fileName.describe('Name of the finished file: the parts, concatenated in order.'),
    rows: count.describe('Sum over the parts, as are the two below.'),
    bytes: count,
    contentBytes: count,
    parts: z.array(part),
    createdAt: instant,
    expiresAt: instant.describe('When the files are removed.'),
  })
  .meta({
    title: 'Waybill manifest',
    description: 'What an export shipped. Written last: its presence is the commit point.',
  });

/** @returns the manifest, or what is wrong with the text, one line a problem. */
export function parseManifest(text: string): { readonly manifest: Manifest } | { readonly problem: string } {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { problem: 'It is not JSON.' };
  }
  const parsed = manifestSchema.safeParse(json);
  return parsed.success ? { manifest: parsed.data } : { problem: z.prettifyError(parsed.error) };
}

/** The JSON Schema that docs/manifest.schema.json publishes, for readers in other languages. */
export function manifestJsonSchema(): unknown {
  return z.toJSONSchema(manifestSchema, { io: 'input' });
}
