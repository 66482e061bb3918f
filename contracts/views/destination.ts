import { z } from 'zod';
import { FINGERPRINT, templateProblem } from '../destination.ts';
import { DAY } from '../recurrence.ts';
import { failureCode } from './problem.ts';

/** Longest values, in characters: a name by the DNS, the names of the services, a private key of 16,384 bits. */
const HOST_LENGTH_MAX = 253;
const NAME_LENGTH_MAX = 128;
const PATH_LENGTH_MAX = 500;
const SECRET_LENGTH_MAX = 1024;
const KEY_LENGTH_MAX = 20_000;

/** A host name or an address. */
const HOST = /^(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]+)$/;
/** Source: Amazon S3 user guide, "Bucket naming rules". */
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const PRINTABLE = /^[\x21-\x7e]+$/;

const path = z
  .string()
  .max(PATH_LENGTH_MAX)
  .regex(/^[A-Za-z0-9 ._/-]*$/, 'May contain letters, digits, spaces, dots, hyphens, underscores and slashes.')
  .refine((text) => !text.split('/').includes('..'), 'Should not contain "..".')
  .default('');

const layout = {
  template: z
    .string()
    .default('{year}/{month}/{day}/{entity}')
    .superRefine((text, context) => {
      const message = templateProblem(text);
      if (message !== undefined) context.addIssue({ code: 'custom', message });
    })
    .meta({
      description:
        'Directory of the files of each entity: with {entity} and the date, as {date} or as {year}, {month} and {day}.',
      example: '{year}/{month}/{day}/{entity}',
    }),
  rowsPerFile: z.int('Should be a whole number of rows.').min(1, 'Should be at least 1.').optional().meta({
    description: 'Files with more rows are split into `<entity>_0001.csv` and so on, each with the header.',
  }),
};

const SftpBody = z
  .strictObject({
    kind: z.literal('sftp'),
    host: z.string().max(HOST_LENGTH_MAX).regex(HOST, 'Should be a host name or an address.'),
    port: z.int().min(1).max(65_535).default(22),
    user: z.string().max(NAME_LENGTH_MAX).regex(PRINTABLE, 'Should be a user name.'),
    path: path.meta({ description: 'Directory, from the root or from where the server puts the user.' }),
    hostKey: z.string().max(KEY_LENGTH_MAX).meta({
      description: 'The only host key that is accepted: `SHA256:…` as `ssh-keygen -l` prints it, or the public key.',
      example: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl',
    }),
    privateKey: z.string().max(KEY_LENGTH_MAX).optional().meta({ description: 'In OpenSSH’s format or PEM.' }),
    passphrase: z.string().max(SECRET_LENGTH_MAX).optional().meta({ description: 'Of the private key.' }),
    password: z.string().min(1).max(SECRET_LENGTH_MAX).optional().meta({ description: 'Instead of a private key.' }),
    ...layout,
  })
  .meta({ id: 'SftpDestinationRequest' });

const S3Body = z
  .strictObject({
    kind: z.literal('s3'),
    endpoint: z
      .url({ protocol: /^https?$/, error: 'Should be an https:// address.' })
      .max(PATH_LENGTH_MAX)
      .refine(isOrigin, 'Should be an address without a path, such as https://s3.eu-central-1.amazonaws.com.'),
    region: z
      .string()
      .regex(/^[a-z0-9-]{1,64}$/, 'Should be a region such as eu-central-1.')
      .default('us-east-1'),
    bucket: z.string().regex(BUCKET, 'Should be the name of a bucket.'),
    addressing: z.enum(['path', 'virtual-host']).default('virtual-host').meta({
      description: 'Whether the bucket is in the path or in the host name.',
    }),
    prefix: path.meta({ description: 'Begins every key.' }),
    accessKey: z.string().max(NAME_LENGTH_MAX).regex(PRINTABLE, 'Should be an access key.'),
    secretKey: z.string().max(SECRET_LENGTH_MAX).regex(PRINTABLE, 'Should be a secret key.'),
    ...layout,
  })
  .meta({ id: 'S3DestinationRequest' });

function isOrigin(text: string): boolean {
  const url = URL.parse(text);
  // Another protocol has its own message.
  if (!url?.protocol.startsWith('http')) return true;
  return url.pathname === '/' && url.search + url.hash + url.username + url.password === '';
}

export const DestinationBody = z.discriminatedUnion('kind', [SftpBody, S3Body], { error: 'Should be sftp or s3.' });
export type DestinationRequest = z.infer<typeof DestinationBody>;

const shared = { template: z.string(), rows_per_file: z.number().int().nullable() };

const DestinationView = z
  .discriminatedUnion('kind', [
    z.object({
      kind: z.literal('sftp'),
      host: z.string(),
      port: z.number().int(),
      user: z.string(),
      path: z.string(),
      host_key: z.string().regex(FINGERPRINT),
      ...shared,
    }),
    z.object({
      kind: z.literal('s3'),
      endpoint: z.string(),
      region: z.string(),
      bucket: z.string(),
      addressing: z.enum(['path', 'virtual-host']),
      prefix: z.string(),
      ...shared,
    }),
  ])
  .meta({ description: 'Without its credentials, which are never shown.' });
export type DestinationShown = z.infer<typeof DestinationView>;

export const DestinationAnswer = z
  .object({
    status: z.literal('success'),
    message: z.string(),
    result: z.object({
      destination: DestinationView,
      changed_at: z.string(),
      failing_since: z.string().nullable().meta({ description: '`null`: the last delivery did not fail.' }),
      last_delivery: z
        .object({
          run_id: z.uuid(),
          day: z.string().regex(DAY),
          state: z.enum(['pending', 'delivered', 'failed', 'skipped']).meta({
            description: '`skipped`: a newer run of the day was delivered instead, or the destination was removed.',
          }),
          attempts: z.number().int().min(0),
          ended_at: z.string().nullable(),
          error: z.object({ code: failureCode, message: z.string() }).nullable(),
        })
        .nullable(),
    }),
  })
  .meta({ id: 'Destination' });

export const DestinationRemoved = z
  .object({ status: z.literal('success'), message: z.string(), result: z.object({ removed: z.boolean() }) })
  .meta({ id: 'DestinationRemoved' });

export const DestinationTested = z
  .object({
    status: z.literal('success'),
    message: z.string(),
    result: z.object({
      replaces: z.enum(['at-once', 'after-removal']).meta({
        description: '`after-removal`: the server cannot replace a file in one step, so the old one is removed first.',
      }),
      milliseconds: z.number().int().min(0),
    }),
  })
  .meta({ id: 'DestinationTested' });
