/** Reads the start of an age file. Runs in Node and in browsers. */
import { WaybillError } from '../../contracts/failures.ts';
import { headerBytes } from './header.ts';
import { SALT_BYTES } from './layout.ts';

/** The start of an age file, up to the end of the salt. */
export interface Start {
  readonly header: Uint8Array;
  readonly salt: Uint8Array;
  /** Bytes that were read beyond it. */
  readonly rest: Uint8Array;
}

/** @throws WaybillError `object_damaged` if this is not the start of an age file */
export async function readStart(chunks: AsyncIterator<Uint8Array>): Promise<Start> {
  let start: Uint8Array = new Uint8Array();
  for (;;) {
    const header = headerBytes(start);
    if (header !== undefined && start.length >= header + SALT_BYTES) {
      const salt = start.subarray(header, header + SALT_BYTES);
      return { header: start.subarray(0, header), salt, rest: start.subarray(header + SALT_BYTES) };
    }
    const next = await chunks.next();
    if (next.done) throw new WaybillError('object_damaged', 'The sealed file was cut short in its header.');
    // Copies, because the source may reuse its chunk. Headers are small, so this happens rarely.
    start = joined(start, next.value);
  }
}

/** @returns the payload without its salt */
export async function* resume(rest: Uint8Array, chunks: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield rest;
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  const both = new Uint8Array(one.length + other.length);
  both.set(one);
  both.set(other, one.length);
  return both;
}
