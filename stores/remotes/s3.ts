import { S3Error } from 'minio';
import type { DestinationSecret, S3Destination } from '../../contracts/destination.ts';
import { WaybillError } from '../../contracts/failures.ts';
import { createObjects } from '../objects/minio.ts';
import { type AddressGuard, guardedAgent } from './address-guard.ts';
import type { Remote } from './remote.ts';

/** Bytes of the first parts of an upload; three of them are held. */
const PART_BYTES = 8 * 1024 * 1024;

/** Codes of refused credentials. Source: Amazon S3 API reference, "Error responses". */
const LOGIN = new Set([
  'AccessDenied',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'InvalidToken',
  'AccountProblem',
]);
/** Codes of a store that may take the files later. */
const LATER = new Set(['InternalError', 'ServiceUnavailable', 'SlowDown', 'RequestTimeout', 'OperationAborted']);

/**
 * Opens a bucket of any S3-compatible service. An object appears only when it is complete. Redirects are not followed: the endpoint
 * and the region must be right.
 */
export function openS3(
  { endpoint, region, bucket, addressing, prefix }: S3Destination,
  secret: Extract<DestinationSecret, { readonly secretKey: string }>,
  guard: AddressGuard,
): Remote {
  const agent = guardedAgent(guard, new URL(endpoint).protocol);
  const objects = createObjects({
    ...{ url: endpoint, region, bucket, addressing, agent, partBytes: PART_BYTES },
    ...{ accessKey: secret.accessKey, secretKey: secret.secretKey },
  });
  const start = prefix === '' ? '' : `${prefix}/`;
  const keyOf = (path: string) => `${start}${path}`;

  return {
    replaces: 'at-once',

    write: (path, source, options) =>
      translated(async () => {
        const key = keyOf(path);
        await objects.abortUploadsOf([key]);
        const { bytes } = await objects.write(key, source, options);
        const found = await objects.head(key);
        if (found?.bytes !== bytes) throw new WaybillError('destination_rejected', WRONG_SIZE);
        return bytes;
      }),

    list: (beginning) =>
      translated(async () => {
        const found: string[] = [];
        for await (const { key } of objects.list(keyOf(beginning))) {
          const path = key.slice(start.length);
          if (!path.slice(beginning.length).includes('/')) found.push(path);
        }
        return found;
      }),

    remove: (path) => translated(() => objects.remove([keyOf(path)])),

    async close() {
      agent.destroy();
    },
  };
}

const WRONG_SIZE = 'A file has another size at the destination than it was written with.';

/** Translates what the object store's adapter reports: it takes every error for an outage of the deployment's own store. */
async function translated<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof WaybillError) || !error.code.startsWith('objects_')) throw error;
    throw toDestinationFailure(error);
  }
}

function toDestinationFailure(failure: WaybillError): WaybillError {
  const { code, cause } = failure;
  if (code === 'objects_full') return new WaybillError('destination_rejected', undefined, { cause });
  if (!(cause instanceof S3Error)) return new WaybillError('destination_unavailable', undefined, { cause });
  const name = String(cause.code);
  if (LOGIN.has(name)) return new WaybillError('destination_login', undefined, { cause });
  if (LATER.has(name)) return new WaybillError('destination_unavailable', undefined, { cause });
  return new WaybillError('destination_rejected', undefined, { cause });
}
