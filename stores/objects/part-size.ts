/** An S3 upload has at most this many parts. Source: Amazon S3 user guide, "Multipart upload limits". */
export const PARTS_MAX = 10_000;

/** S3 refuses smaller parts, except for the last. Same source. */
export const PART_BYTES_MIN = 5 * 1024 * 1024;

/** Parts that all have the first size: 62.5 GiB when that is 16 MiB. */
const LEVEL_PARTS = 4_000;
/** After that, the part size grows by one initial size every this many parts. */
const STEP_PARTS = 50;

/**
 * Size of each part. The total size is not known when the first part is sent, so parts start small, to save memory, and
 * grow only beyond 62.5 GiB. With an initial size of 16 MiB, {@link PARTS_MAX} parts hold 5.7 TiB and the largest is 1.9 GiB;
 * some services refuse objects over 5 TiB.
 *
 * @param first bytes of the first part
 * @param number part number, from 1
 */
export function partBytes(first: number, number: number): number {
  const steps = Math.ceil((number - LEVEL_PARTS) / STEP_PARTS);
  return first * (1 + Math.max(0, steps));
}
