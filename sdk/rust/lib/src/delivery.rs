//! Outputs on their way to the host: the last as transform's answer where it can be one, all others emitted.

use crate::{frame, host, Header, Output, Record};

pub const FAILED: u32 = u32::MAX;
/// Unchanged, or nothing besides what was emitted.
pub const NOTHING: u32 = 0;

/// Into `out` where there is room, else emitted; the host says what is too large for it.
pub fn answer(key: Option<&[u8]>, value: &[u8], out: &mut [u8]) -> u32 {
    match frame::byte_len(key, value).and_then(|len| out.get_mut(..len)) {
        Some(room) => {
            frame::write(key, value, room);
            room.len() as u32
        }
        None => {
            emit(key, value, "");
            NOTHING
        }
    }
}

fn emit(key: Option<&[u8]>, value: &[u8], topic: &str) {
    // Beyond 4 GiB there is no frame, and no memory for it either.
    let mut bytes = vec![0; frame::byte_len(key, value).unwrap_or(usize::MAX)];
    frame::write(key, value, &mut bytes);
    host::emit(&bytes, topic);
}

/// Hands the outputs over. `route` names the topic of those that go without the host asking for it.
pub fn deliver(outputs: &[Output], out: &mut [u8], mut route: impl FnMut(&Record) -> Option<String>) -> u32 {
    let mut headers = OutputHeaders::default();
    for (i, output) in outputs.iter().enumerate() {
        headers.set(output.headers.as_deref());
        let key = output.key.as_deref();
        let last = i + 1 == outputs.len();
        if let (true, None, Some(value)) = (last, &output.topic, &output.value) {
            if frame::byte_len(key, value).is_some_and(|len| len <= out.len()) {
                return answer(key, value, out);
            }
        }
        let seen = Record::new(key, output.value.as_deref().unwrap_or_default());
        let topic = output.topic.clone().or_else(|| route(&seen)).unwrap_or_default();
        match &output.value {
            Some(value) => emit(key, value, &topic),
            None => host::emit_tombstone(key, &topic),
        }
    }
    NOTHING
}

/// The host has one list of headers, which goes with every output after a change.
#[derive(Default)]
struct OutputHeaders {
    /// The record's own, once they have been replaced.
    of_record: Option<Vec<Header>>,
}

impl OutputHeaders {
    fn set(&mut self, wanted: Option<&[Header]>) {
        match (wanted, &self.of_record) {
            (None, None) => {}
            (None, Some(own)) => replace(own),
            (Some(wanted), _) => {
                self.of_record.get_or_insert_with(host::headers);
                replace(wanted);
            }
        }
    }
}

fn replace(headers: &[Header]) {
    for Header { name, .. } in host::headers() {
        host::header_remove(&name);
    }
    for Header { name, value } in headers {
        host::header_add(name, value.as_deref());
    }
}
