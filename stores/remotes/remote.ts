import { randomBytes } from 'node:crypto';
import type { DestinationConfig, DestinationSecret } from '../../contracts/destination.ts';

/*
 * Words
 *
 * destination  a tenant's own SFTP server or bucket, with its settings
 * remote       an open connection to it
 * path         of a file, relative to the directory or prefix of the destination
 */

export interface RemoteWrite {
  /** Media type, where the destination stores one. */
  readonly contentType: string;
  readonly signal: AbortSignal;
  /** Called with the number of bytes acknowledged so far. */
  readonly onProgress?: (bytes: number) => void;
}

/**
 * A tenant's server, for as long as a connection to it lasts.
 *
 * Errors: `WaybillError` with `destination_*` or `host_key_mismatch`, whose messages hold no host, path or secret; `cause` may
 * hold a host and a path.
 */
export interface Remote {
  /** Whether a file replaces an older one in one step, or the older one is removed before. */
  readonly replaces: 'at-once' | 'after-removal';
  /**
   * Writes a stream as one file, in bounded memory. The file has its name only once it is complete and its size was checked; it
   * replaces an older one. What an earlier, lost attempt at this file left behind is removed. A chunk of the source must stay
   * valid only until the next one is requested.
   *
   * If the source fails or the signal aborts, this rejects with that error, and nothing has the name.
   *
   * @returns size in bytes
   */
  write(path: string, source: AsyncIterable<Uint8Array>, options: RemoteWrite): Promise<number>;
  /** Paths of the files that begin like this, in the same directory, as they were when the directory was first looked at. */
  list(beginning: string): Promise<readonly string[]>;
  /** Removes a file; a missing one is not an error. */
  remove(path: string): Promise<void>;
  close(): Promise<void>;
}

/** A destination as the ledger keeps it. */
export interface SealedDestination {
  readonly tenant: string;
  readonly config: DestinationConfig;
  /** What {@link Remotes.seal} returned. */
  readonly secret: Uint8Array;
}

/** Tenants' destinations: their secrets, and connections to them. */
export interface Remotes {
  /** @returns the secret as the ledger may keep it */
  seal(tenant: string, secret: DestinationSecret): Buffer;
  /** @throws WaybillError `destination_refused`, `destination_unavailable` if the host has no address */
  check(config: DestinationConfig): Promise<void>;
  /** Connects; the caller closes. @throws WaybillError as {@link Remote} */
  open(destination: SealedDestination, signal: AbortSignal): Promise<Remote>;
}

/** Writes, replaces, lists and removes a small file, as a delivery does. @throws WaybillError as {@link Remote} */
export async function probe(remote: Remote, signal: AbortSignal): Promise<void> {
  const path = `waybill-probe-${randomBytes(8).toString('hex')}.txt`;
  const text = Buffer.from('Written by a test of Waybill, which removes it.\n');
  async function* source() {
    yield text;
  }
  try {
    for (let time = 0; time < 2; time += 1) {
      await remote.write(path, source(), { contentType: 'text/plain; charset=utf-8', signal });
    }
    await remote.list(path);
  } finally {
    await remote.remove(path);
  }
}
