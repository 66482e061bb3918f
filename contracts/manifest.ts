import { z } from 'zod';
import { Filter } from './filter.ts';
import type { Instant } from './instant.ts';
import { TENANT_KEY } from './keys.ts';
import { COMPRESSIONS, STORED_FORMATS } from './order.ts';
import { DAY } from './recurrence.ts';

/** How the entries of an archive with a password are encrypted. */
export const ZIP_ENCRYPTION = 'aes-256';

/** Incremented when a member changes its meaning; readers refuse versions they do not know. */
export const MANIFEST_VERSION = 1;

const count = z.int().min(0);
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const instant = z
  .string()
  .regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z$/)
  .transform((text) => text as Instant);
/** A plain file name, so that a foreign manifest cannot make a reader leave its directory. */
const fileName = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9._-]*$/);

const column = z.object({
  name: z.string().describe('Name in the catalog, and the key in JSON.'),
  header: z.string().describe('Header in CSV.'),
  type: z.string().describe('Type in the catalog.'),
  anonymized: z
    .literal(true)
    .optional()
    .describe('The values are keyed hashes of those in the warehouse, lower-case hex; absent: they are as they are.'),
});

const part = z.object({
  name: fileName.describe("Object key, relative to the manifest's own prefix."),
  rows: count.describe('Number of rows; exact in every format.'),
  bytes: count.describe('Size of the object as stored.'),
  sha256: sha256.describe('SHA-256 of the object as stored.'),
  contentBytes: count.describe('Size of the content before compression and sealing.'),
  contentSha256: sha256
    .nullable()
    .describe(
      'SHA-256 of that content; null if the part is sealed, because the hash would reveal content that can be guessed.',
    ),
});

const member = z.object({
  name: z.string().describe('Name of the entry.'),
  rows: count.nullable().describe('null: it is no table.'),
  bytes: count.describe('Size of the content before compression.'),
  sha256: sha256.nullable().describe('SHA-256 of that content; null if the archive is sealed or has a password.'),
});

const file = z.object({
  name: fileName.describe('Name for callers. No two files of the same format have the same name.'),
  file: fileName.describe('Name of the finished file: the parts, concatenated in order.'),
  dataset: z.string().describe('Name of the dataset in the catalog.'),
  window: z
    .union([
      z
        .object({ from: instant, to: instant, bounds: z.literal('inclusive') })
        .describe('Rows that were created or modified in it.'),
      z
        .object({ from: instant.nullable(), to: instant, bounds: z.literal('half-open') })
        .describe('Rows that changed last in it; from null: open, with rows that have no time.'),
    ])
    .nullable()
    .describe('null: the complete history.'),
  slice: z
    .object({ from: instant.nullable(), to: instant.nullable() })
    .optional()
    .describe(
      'Of an export that was divided into several files: the rows of the window that this one has, by their modified time, or by their ' +
        'created time if they have no other. from is included, to is not; null: open. The slices of all files tile. Absent: all rows.',
    ),
  load: z
    .enum(['complete', 'delta'])
    .optional()
    .describe('Of a chain of runs: complete replaces what was delivered of the dataset before; delta continues it.'),
  rowsWanted: z
    .enum(['deleted', 'keys'])
    .optional()
    .describe(
      'deleted: only rows that were deleted; keys: all rows that there were, of whatever time; absent: all rows.',
    ),
  rowsPerFile: z
    .union([z.int().min(1), z.literal('auto')])
    .optional()
    .describe(
      'Of an order that may have several files: the most rows of one, but for rows of the same time; absent: one file.',
    ),
  parameters: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  filter: Filter.optional().describe('Conditions that all rows meet; absent: none were asked for.'),
  format: z.enum(STORED_FORMATS),
  csv: z
    .object({
      header: z.boolean(),
      delimiter: z.string(),
      bom: z.boolean(),
      nullText: z.string(),
      formulaGuard: z.boolean(),
      decimalComma: z.boolean().optional().describe('Whether numbers have a comma instead of the point; absent: no.'),
      crlf: z.boolean().optional().describe('Whether lines end in CRLF; absent: in LF.'),
    })
    .nullable()
    .describe('null for formats other than CSV.'),
  timeZone: z.string().optional().describe('IANA time zone in which timestamps are written; absent: UTC.'),
  compression: z.enum(COMPRESSIONS),
  encryption: z
    .literal(ZIP_ENCRYPTION)
    .optional()
    .describe(
      "Of an archive: its entries are encrypted with the tenant's password, as WinZip specifies it (AE-2); their names and sizes are " +
        'not. Absent: it has no password.',
    ),
  columns: z.array(column).describe("In the file's order."),
  addedColumns: z
    .array(z.string())
    .optional()
    .describe('Of a chain of runs: columns that the file of the day before did not have; absent: none.'),
  key: z
    .array(z.string())
    .min(1)
    .optional()
    .describe('Names of the columns that identify a row, for deltas; absent: the catalog has no key, or no chain.'),
  rows: count.describe('Sum over the parts, like the two members below.'),
  rowsByDay: z
    .array(z.object({ day: z.string().regex(DAY), rows: count }))
    .optional()
    .describe(
      'Rows of each day in UTC, by the modified time if that is in the window, else by the created time; days without rows are left ' +
        'out. Absent: they were not counted by day.',
    ),
  bytes: count,
  contentBytes: count,
  sha256: sha256.optional().describe('SHA-256 of the finished file; absent if it was not computed.'),
  members: z
    .array(member)
    .optional()
    .describe('Of an archive: its tables and documents, in order, without attachments. Absent: it is no archive.'),
  parts: z.array(part),
});

/** Unknown members are dropped, not refused: later versions of Waybill may add some. */
const schema = z
  .object({
    version: z.literal(MANIFEST_VERSION),
    kind: z
      .string()
      .regex(/^[a-z][a-z-]*$/)
      .describe('Kind of export, such as on-demand or periodic.'),
    runId: z.uuid().describe('Id of the export, or of the generation.'),
    workflowId: z.string(),
    tenant: z.string().regex(TENANT_KEY),
    snapshotAt: instant.describe('The time at which every file was read: none contains anything later.'),
    recipients: z.array(z.string()).describe('age recipients that every part is sealed to; empty: not sealed.'),
    delivery: z
      .object({
        day: z.string().regex(DAY).describe('The day that the run delivers.'),
        previous: sha256.nullable().describe('SHA-256 of the manifest of the delivered day before; null: none.'),
        replaces: z.array(sha256).describe('SHA-256 of the manifests that delivered the same day until now.'),
        missing: z
          .array(z.object({ dataset: z.string(), code: z.string(), message: z.string() }))
          .describe('Datasets that failed; their next delta begins where the last delivered one ended.'),
      })
      .optional()
      .describe('The place in a chain of runs; absent: there is none.'),
    files: z.array(file).min(1),
    rows: count.describe('Sum over the names of the files: a file in several formats is counted once.'),
    bytes: count.describe('Sum over all files, like the member below.'),
    contentBytes: count,
    createdAt: instant,
    expiresAt: instant.nullable().describe('When the files are removed; null: once others have replaced them.'),
  })
  .meta({
    title: 'Waybill manifest',
    description: 'What a run shipped. Written once every part is stored and checked.',
  });

type ReadonlyDeep<Value> = Value extends string | number | boolean | null
  ? Value
  : { readonly [Key in keyof Value]: ReadonlyDeep<Value[Key]> };

/** The waybill: what a run shipped. Its members are described in docs/manifest.schema.json. */
export type Manifest = ReadonlyDeep<z.infer<typeof schema>>;
/** One file, in one format. Its parts, concatenated in order, are the file. */
export type ManifestFile = Manifest['files'][number];
/** One object of a file. */
export type ManifestPart = ManifestFile['parts'][number];
/** One entry of an archive. */
export type ManifestMember = NonNullable<ManifestFile['members']>[number];
export type ManifestColumn = ManifestFile['columns'][number];

/** @returns the manifest, or what is wrong with the text, one line per problem */
export function parseManifest(text: string): { readonly manifest: Manifest } | { readonly problem: string } {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { problem: 'It is not JSON.' };
  }
  const parsed = schema.safeParse(json);
  return parsed.success ? { manifest: parsed.data } : { problem: z.prettifyError(parsed.error) };
}

/** The JSON Schema that docs/manifest.schema.json publishes, for readers in other languages. */
export function manifestJsonSchema(): unknown {
  return z.toJSONSchema(schema, { io: 'input' });
}

/** A file without its sums, which follow from its parts. */
export type FileContents = Omit<ManifestFile, 'rows' | 'bytes' | 'contentBytes'>;

/** @returns the manifest with all its sums */
export function describeManifest(
  run: Omit<Manifest, 'version' | 'files' | 'rows' | 'bytes' | 'contentBytes'>,
  contents: readonly FileContents[],
): Manifest {
  const { kind, runId, workflowId, tenant, snapshotAt, recipients, delivery, createdAt, expiresAt } = run;
  const files = contents.map((contents): ManifestFile => {
    const { parts, ...rest } = contents;
    return { ...rest, ...sumsOf(parts), parts };
  });
  const head = { version: MANIFEST_VERSION, kind, runId, workflowId, tenant, snapshotAt, recipients } as const;
  return { ...head, ...(delivery && { delivery }), files, ...manifestSums(files), createdAt, expiresAt };
}

/** Sums of rows and bytes. */
export type Sums = Readonly<Record<'rows' | 'bytes' | 'contentBytes', number>>;

export function sumsOf(items: readonly Sums[]): Sums {
  const sum = (field: keyof Sums) => items.reduce((total, item) => total + item[field], 0);
  return { rows: sum('rows'), bytes: sum('bytes'), contentBytes: sum('contentBytes') };
}

/** @returns the sums of a manifest with these files */
export function manifestSums(files: readonly (Pick<ManifestFile, 'name'> & Sums)[]): Sums {
  const named = new Map(files.map((file) => [file.name, file]));
  return { ...sumsOf(files), rows: sumsOf([...named.values()]).rows };
}

/** @returns the only file of an export. @throws RangeError if there is not exactly one */
export function onlyFile({ files }: Manifest): ManifestFile {
  const [only, ...others] = files;
  if (only === undefined || others.length > 0) throw new RangeError('The manifest lists several files.');
  return only;
}
