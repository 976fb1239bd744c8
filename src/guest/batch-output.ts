const MIB = 1024 * 1024;

/**
 * Of one batch's outputs together (I7): thousands of small records, each answered with the largest output allowed, are more
 * memory than the machine has. What is beyond fails, record by record.
 */
const BATCH_OUTPUT_BYTES_MAX = 256 * MIB;

export function batchOutputBytesMax(outputBytesMax: number): number {
  return Math.max(BATCH_OUTPUT_BYTES_MAX, outputBytesMax);
}

export const BATCH_FULL =
  `the outputs of one batch came to ${String(BATCH_OUTPUT_BYTES_MAX / MIB)} MiB before this record: ` +
  'have the guest write less, or lower limits.poll_records';
