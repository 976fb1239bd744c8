//! For `cargo test`, where no sidecar is: what a record is besides key and value, and what a transform has told.
//!
//! ```
//! use streamline_guest::{log, testing, Level, Record};
//!
//! testing::reset(|host| host.partition = 3);
//! assert_eq!(Record::new(None, b"value").partition(), 3);
//! log(Level::Info, "seen");
//! assert_eq!(testing::with(|host| host.log.len()), 1);
//! ```

use crate::{Header, Level, Schema};
use std::cell::RefCell;

/// Stands in for the sidecar, one for each thread, and so for each test.
#[derive(Debug, Clone, Default)]
pub struct Host {
    pub topic: String,
    pub partition: i32,
    pub offset: i64,
    /// -1 = none.
    pub timestamp_ms: i64,
    /// The record is a tombstone; its value has to be empty then.
    pub value_is_null: bool,
    /// Of the record, or as they have been changed since.
    pub headers: Vec<Header>,
    pub schema: Option<Schema>,
    pub key_schema: Option<Schema>,
    /// Lines so far.
    pub log: Vec<(Level, String)>,
    pub metrics: Vec<Metric>,
    #[doc(hidden)]
    pub emitted: Vec<Emitted>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Metric {
    Add(String, f64),
    Set(String, f64),
}

#[doc(hidden)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emitted {
    /// `None` = a tombstone.
    pub payload: Option<Vec<u8>>,
    /// Of a tombstone.
    pub key: Option<Vec<u8>>,
    pub topic: String,
    pub headers: Vec<Header>,
}

impl Emitted {
    pub(crate) fn of(payload: Option<&[u8]>, key: Option<&[u8]>, topic: &str, headers: &[Header]) -> Emitted {
        let (payload, key) = (payload.map(<[u8]>::to_vec), key.map(<[u8]>::to_vec));
        Emitted { payload, key, topic: topic.to_owned(), headers: headers.to_vec() }
    }
}

thread_local! {
    static HOST: RefCell<Host> = RefCell::new(Host::default());
}

/// Looks at the host of this thread, or changes it.
pub fn with<R>(look: impl FnOnce(&mut Host) -> R) -> R {
    HOST.with(|host| look(&mut host.borrow_mut()))
}

/// Begins anew, with what `set` says of the record to come.
pub fn reset(set: impl FnOnce(&mut Host)) {
    with(|host| {
        *host = Host::default();
        set(host);
    });
}
