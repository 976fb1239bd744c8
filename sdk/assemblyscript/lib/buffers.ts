// With `minimal` nothing is ever collected, and `stub` writes over memory that it has not grown itself.
if (ASC_RUNTIME != 2) ERROR("the streamline library needs --runtime incremental");

/** What alloc has given, newest last: the ABI passes no capacity to transform, so the length asked for is it. */
const starts = new Array<usize>();
const lengths = new Array<usize>();

/**
 * Export it: the host asks here for its buffers, a few times in an instance's life, and never gives one back. Whole pages, outside of the
 * collected heap, which takes what it is told is new only (its first pages it takes above, when `starts` is made).
 * @returns 0 when the memory may not grow by so much
 */
export function alloc(length: usize): usize {
  const pages = <i32>max<usize>(1, (length + 0xffff) >>> 16);
  const before = memory.grow(pages);
  if (before < 0) return 0;
  const start = <usize>before << 16;
  starts.push(start);
  lengths.push(length);
  return start;
}

/** Room of a buffer that alloc gave; 0 for any other. */
export function capacityOf(start: usize): usize {
  for (let i = starts.length - 1; i >= 0; i--) {
    if (unchecked(starts[i]) == start) return unchecked(lengths[i]);
  }
  return 0;
}
