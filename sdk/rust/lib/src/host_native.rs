//! The same functions where there is no host: `testing` answers them.

use crate::testing::{with, Emitted, Metric};
use crate::{Header, Level};

pub fn log(level: Level, text: &str) {
    with(|host| host.log.push((level, text.to_owned())));
}

pub fn partition() -> i32 {
    with(|host| host.partition)
}

pub fn offset() -> i64 {
    with(|host| host.offset)
}

pub fn timestamp_ms() -> i64 {
    with(|host| host.timestamp_ms)
}

pub fn topic() -> String {
    with(|host| host.topic.clone())
}

pub fn schema_id() -> Option<u32> {
    with(|host| host.schema.as_ref().map(|schema| schema.id))
}

pub fn schema_name() -> String {
    with(|host| host.schema.as_ref().map(|schema| schema.name.clone()).unwrap_or_default())
}

pub fn key_schema_id() -> Option<u32> {
    with(|host| host.key_schema.as_ref().map(|schema| schema.id))
}

pub fn key_schema_name() -> String {
    with(|host| host.key_schema.as_ref().map(|schema| schema.name.clone()).unwrap_or_default())
}

pub fn value_is_null() -> bool {
    with(|host| host.value_is_null)
}

pub fn headers() -> Vec<Header> {
    with(|host| host.headers.clone())
}

pub fn header_value(index: u32) -> Option<Vec<u8>> {
    with(|host| host.headers.get(index as usize).and_then(|header| header.value.clone()))
}

pub fn header_find(name: &str) -> Option<u32> {
    with(|host| host.headers.iter().rposition(|header| header.name == name).map(|index| index as u32))
}

pub fn header_add(name: &str, value: Option<&[u8]>) {
    with(|host| host.headers.push(Header { name: name.to_owned(), value: value.map(<[u8]>::to_vec) }));
}

pub fn header_remove(name: &str) {
    with(|host| host.headers.retain(|header| header.name != name));
}

pub fn emit(payload: &[u8], topic: &str) {
    with(|host| host.emitted.push(Emitted::of(Some(payload), None, topic, &host.headers)));
}

pub fn emit_tombstone(key: Option<&[u8]>, topic: &str) {
    with(|host| host.emitted.push(Emitted::of(None, key, topic, &host.headers)));
}

pub fn metric_add(name: &str, by: f64) {
    with(|host| host.metrics.push(Metric::Add(name.to_owned(), by)));
}

pub fn metric_set(name: &str, value: f64) {
    with(|host| host.metrics.push(Metric::Set(name.to_owned(), value)));
}
