//! The framed core ABI: u32 little-endian key length (0xFFFFFFFF = no key), key, value.

use std::cell::RefCell;
use std::slice;

const FAILED: u32 = u32::MAX;
const NULL_KEY: u32 = u32::MAX;

thread_local! {
    /// What the host got from alloc, so that the end of its output buffer is known.
    static BLOCKS: RefCell<Vec<(usize, usize)>> = const { RefCell::new(Vec::new()) };
}

/// The host asks for its buffers here and keeps them for the life of the instance.
#[unsafe(no_mangle)]
pub extern "C" fn alloc(len: u32) -> *mut u8 {
    let mut block: Vec<u8> = Vec::new();
    if block.try_reserve_exact(len as usize).is_err() {
        return std::ptr::null_mut();
    }
    let start = block.leak().as_mut_ptr();
    BLOCKS.with_borrow_mut(|blocks| blocks.push((start as usize, start as usize + len as usize)));
    start
}

fn room(output: *mut u8) -> usize {
    let at = output as usize;
    BLOCKS.with_borrow(|blocks| blocks.iter().find(|(start, end)| (*start..*end).contains(&at)).map_or(0, |block| block.1 - at))
}

/// Runs `transform` on the record's value; None fails the record.
pub fn run(input: *const u8, input_len: u32, output: *mut u8, transform: impl Fn(&[u8]) -> Option<Vec<u8>>) -> u32 {
    // SAFETY: the host hands over input_len bytes at input that nothing else writes during the call.
    let input = unsafe { slice::from_raw_parts(input, input_len as usize) };
    framed(input, transform)
        .filter(|record| record.len() <= room(output))
        .map_or(FAILED, |record| {
            // SAFETY: room() bytes at output belong to the host's output buffer, which does not overlap the input.
            unsafe { slice::from_raw_parts_mut(output, record.len()) }.copy_from_slice(&record);
            record.len() as u32
        })
}

fn framed(input: &[u8], transform: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    let key_len = u32::from_le_bytes(input.get(..4)?.try_into().ok()?);
    let value_at = if key_len == NULL_KEY { 4 } else { 4usize.checked_add(key_len as usize)? };
    let value = transform(input.get(value_at..)?)?;
    Some([&input[..value_at], &value].concat())
}
