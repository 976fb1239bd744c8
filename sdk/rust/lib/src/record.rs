use crate::host;

/// A header of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    pub name: String,
    pub value: Option<Vec<u8>>,
}

impl Header {
    pub fn new(name: impl Into<String>, value: impl Into<Vec<u8>>) -> Header {
        Header { name: name.into(), value: Some(value.into()) }
    }
}

/// What a value or key on the topic was written with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// In the registry.
    pub id: u32,
    /// Full name of the type, such as `com.example.ApiLog`; `""` when it has none.
    pub name: String,
}

/// The record under way. Key and value are where the host has put them; all else is asked of the host when it is asked for,
/// which costs about 1,000 units of fuel a question.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// `None` = null.
    pub key: Option<&'a [u8]>,
    /// Empty as well when the value is null, which a transform sees only under `input.tombstones: transform`: see `nullable_value`.
    pub value: &'a [u8],
}

impl<'a> Record<'a> {
    /// For tests: a transform is handed its records.
    pub fn new(key: Option<&'a [u8]>, value: &'a [u8]) -> Record<'a> {
        Record { key, value }
    }

    /// The value; `None` = null: a tombstone. In `route`, an empty value of a tombstone's output is `None` as well.
    pub fn nullable_value(&self) -> Option<&'a [u8]> {
        // Only where there are no bytes has the host something to tell.
        Some(self.value).filter(|value| !value.is_empty() || !host::value_is_null())
    }

    /// The topic it came from.
    pub fn topic(&self) -> String {
        host::topic()
    }

    pub fn partition(&self) -> i32 {
        host::partition()
    }

    pub fn offset(&self) -> i64 {
        host::offset()
    }

    /// Milliseconds since 1970; `None` = it has none.
    pub fn timestamp_ms(&self) -> Option<i64> {
        Some(host::timestamp_ms()).filter(|ms| *ms >= 0)
    }

    /// All headers, in their order.
    pub fn headers(&self) -> Vec<Header> {
        host::headers()
    }

    /// The last header of that name.
    pub fn header(&self, name: &str) -> Option<Header> {
        host::header_find(name).map(|index| Header { name: name.to_owned(), value: host::header_value(index) })
    }

    /// Of the value, where the spec's format has one.
    pub fn schema(&self) -> Option<Schema> {
        host::schema_id().map(|id| Schema { id, name: host::schema_name() })
    }

    /// Of the key, where the spec's `key_format` has one.
    pub fn key_schema(&self) -> Option<Schema> {
        host::key_schema_id().map(|id| Schema { id, name: host::key_schema_name() })
    }
}
