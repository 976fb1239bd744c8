//! Addresses and lengths, as the host hands them over. For the macros.

use std::cell::RefCell;
use std::slice;

pub use crate::bytes::{run_framed, run_value};

thread_local! {
    /// What the host got from alloc, so that the end of its output buffer is known.
    static BLOCKS: RefCell<Vec<(usize, usize)>> = const { RefCell::new(Vec::new()) };
}

/// For a transform without a config of its own: 1, it takes any.
pub fn start() -> u32 {
    crate::log::log_panics();
    1
}

/// The host asks for its buffers here and keeps them for the life of the instance. Null = no memory.
pub fn alloc(len: u32) -> *mut u8 {
    let mut block: Vec<u8> = Vec::new();
    if block.try_reserve_exact((len as usize).max(1)).is_err() {
        return std::ptr::null_mut();
    }
    // Zeroed, so that a slice of all of it may be made.
    block.resize((len as usize).max(1), 0);
    let start = block.leak().as_mut_ptr();
    BLOCKS.with(|blocks| blocks.borrow_mut().push((start as usize, len as usize)));
    start
}

/// # Safety
/// The host has put `len` bytes at `at`, which nothing writes until the call ends.
pub unsafe fn input<'a>(at: *const u8, len: u32) -> &'a [u8] {
    // A pointer of no bytes may be anything, also null.
    if len == 0 {
        return &[];
    }
    slice::from_raw_parts(at, len as usize)
}

/// The block that begins at `at`; empty where alloc has given none there.
///
/// # Safety
/// Of the blocks that alloc gave, the host hands each call another one as output than as input.
pub unsafe fn output<'a>(at: *mut u8) -> &'a mut [u8] {
    let len = BLOCKS.with(|blocks| blocks.borrow().iter().find(|(start, _)| *start == at as usize).map_or(0, |block| block.1));
    if len == 0 {
        return &mut [];
    }
    slice::from_raw_parts_mut(at, len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_is_as_long_as_its_block() {
        let (a, b) = (alloc(10), alloc(20));
        // SAFETY: both are blocks of their own.
        unsafe {
            assert_eq!(output(a).len(), 10);
            assert_eq!(output(b).len(), 20);
            assert_eq!(output(b.add(1)).len(), 0);
        }
    }
}
