/** An S3 upload has at most this many parts. Source: Amazon S3 user guide, "Multipart upload limits". */
export const PARTS_MAX = 10_000;

/** S3 refuses smaller parts, except for the last. Same source. */
export const PART_BYTES_MIN = 5 * 1024 * 1024;

/** Parts that all have the first size: 16 GiB when that is 16 MiB. */
const LEVEL_PARTS = 1_000;
/** From then on, parts grow by one first size every so many parts. */
const STEP_PARTS = 100;

/**
 * How large each part is. The size of the whole is not known when the first part leaves, so parts begin small, which
 * keeps memory small, and grow so slowly that memory follows only for files of more than 16 GiB. With a first size of
 * 16 MiB, {@link PARTS_MAX} parts hold 6.4 TiB and the largest is 1.4 GiB; some services refuse objects over 5 TiB.
 *
 * @param first bytes of the first part
 * @param number place of the part, from 1
 */
export function partBytes(first: number, number: number): number {
  const steps = Math.ceil((number - LEVEL_PARTS) / STEP_PARTS);
  return first * (1 + Math.max(0, steps));
}
