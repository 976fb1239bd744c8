//! The host functions that docs/abi.md lists. Only those that are called are imported.

use crate::{Header, Level};

mod raw {
    #[link(wasm_import_module = "streamline")]
    extern "C" {
        pub fn log(level: u32, text: *const u8, len: usize);
        pub fn metadata_partition() -> i32;
        pub fn metadata_offset() -> i64;
        pub fn metadata_timestamp_ms() -> i64;
        pub fn metadata_topic(into: *mut u8, room: usize) -> i32;
        pub fn metadata_schema_id() -> i32;
        pub fn metadata_schema_name(into: *mut u8, room: usize) -> i32;
        pub fn metadata_key_schema_id() -> i32;
        pub fn metadata_key_schema_name(into: *mut u8, room: usize) -> i32;
        pub fn value_is_null() -> u32;
        pub fn header_count() -> i32;
        pub fn header_name(index: u32, into: *mut u8, room: usize) -> i32;
        pub fn header_value(index: u32, into: *mut u8, room: usize) -> i32;
        pub fn header_find(name: *const u8, len: usize) -> i32;
        pub fn header_add(name: *const u8, len: usize, value: *const u8, value_len: usize);
        pub fn header_remove(name: *const u8, len: usize) -> i32;
        pub fn emit(payload: *const u8, len: usize, topic: *const u8, topic_len: usize);
        pub fn emit_tombstone(key: *const u8, key_len: usize, topic: *const u8, topic_len: usize);
        pub fn metric_add(name: *const u8, len: usize, by: f64);
        pub fn metric_set(name: *const u8, len: usize, value: f64);
    }
}

/// What most names and header values fit into: one call then.
const FIRST_ROOM: usize = 256;
const NULL: (*const u8, usize) = (std::ptr::null(), u32::MAX as usize);

/// Asks again with the room it takes. `None` = the host says -1.
fn read(call: impl Fn(*mut u8, usize) -> i32) -> Option<Vec<u8>> {
    let mut bytes = vec![0; FIRST_ROOM];
    loop {
        let len = usize::try_from(call(bytes.as_mut_ptr(), bytes.len())).ok()?;
        let fits = len <= bytes.len();
        bytes.resize(len, 0);
        if fits {
            return Some(bytes);
        }
    }
}

fn text(call: impl Fn(*mut u8, usize) -> i32) -> String {
    read(call).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

fn parts(bytes: Option<&[u8]>) -> (*const u8, usize) {
    bytes.map_or(NULL, |bytes| (bytes.as_ptr(), bytes.len()))
}

// SAFETY of all below: pointers and lengths are of slices that live through the call, and the host keeps none.

pub fn log(level: Level, text: &str) {
    unsafe { raw::log(level as u32, text.as_ptr(), text.len()) }
}

pub fn partition() -> i32 {
    unsafe { raw::metadata_partition() }
}

pub fn offset() -> i64 {
    unsafe { raw::metadata_offset() }
}

pub fn timestamp_ms() -> i64 {
    unsafe { raw::metadata_timestamp_ms() }
}

pub fn topic() -> String {
    text(|into, room| unsafe { raw::metadata_topic(into, room) })
}

pub fn schema_id() -> Option<u32> {
    u32::try_from(unsafe { raw::metadata_schema_id() }).ok()
}

pub fn schema_name() -> String {
    text(|into, room| unsafe { raw::metadata_schema_name(into, room) })
}

pub fn key_schema_id() -> Option<u32> {
    u32::try_from(unsafe { raw::metadata_key_schema_id() }).ok()
}

pub fn key_schema_name() -> String {
    text(|into, room| unsafe { raw::metadata_key_schema_name(into, room) })
}

pub fn value_is_null() -> bool {
    unsafe { raw::value_is_null() != 0 }
}

pub fn headers() -> Vec<Header> {
    let count = unsafe { raw::header_count() } as u32;
    let name = |index| text(|into, room| unsafe { raw::header_name(index, into, room) });
    (0..count).map(|index| Header { name: name(index), value: header_value(index) }).collect()
}

pub fn header_value(index: u32) -> Option<Vec<u8>> {
    read(|into, room| unsafe { raw::header_value(index, into, room) })
}

pub fn header_find(name: &str) -> Option<u32> {
    u32::try_from(unsafe { raw::header_find(name.as_ptr(), name.len()) }).ok()
}

pub fn header_add(name: &str, value: Option<&[u8]>) {
    let (at, len) = parts(value);
    unsafe { raw::header_add(name.as_ptr(), name.len(), at, len) }
}

pub fn header_remove(name: &str) {
    unsafe { raw::header_remove(name.as_ptr(), name.len()) };
}

pub fn emit(payload: &[u8], topic: &str) {
    unsafe { raw::emit(payload.as_ptr(), payload.len(), topic.as_ptr(), topic.len()) }
}

pub fn emit_tombstone(key: Option<&[u8]>, topic: &str) {
    let (at, len) = parts(key);
    unsafe { raw::emit_tombstone(at, len, topic.as_ptr(), topic.len()) }
}

pub fn metric_add(name: &str, by: f64) {
    unsafe { raw::metric_add(name.as_ptr(), name.len(), by) }
}

pub fn metric_set(name: &str, value: f64) {
    unsafe { raw::metric_set(name.as_ptr(), name.len(), value) }
}
