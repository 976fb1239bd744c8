use crate::{Header, Record};

/// What becomes of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It goes on as it came, a tombstone as a tombstone.
    Unchanged,
    /// Nothing goes on.
    Drop,
    /// These go on in its place, in this order, all together or not at all. None of them is [`Outcome::Drop`]. How many and
    /// how large they may be: `limits.record_outputs` and `limits.output_bytes` of the sidecar; more fails the record.
    Outputs(Vec<Output>),
}

impl Outcome {
    /// The record with another value; key and headers stay.
    pub fn value(record: &Record, value: impl Into<Vec<u8>>) -> Outcome {
        Output::of(record, value).into()
    }
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        Outcome::Outputs(vec![output])
    }
}

impl From<Vec<Output>> for Outcome {
    fn from(outputs: Vec<Output>) -> Self {
        Outcome::Outputs(outputs)
    }
}

/// One record that goes out. Its timestamp is the input's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// `None` = where [`Route`](crate::Route) says, else the spec's `output_topic`. At most 249 bytes.
    pub topic: Option<String>,
    /// `None` = a null key.
    pub key: Option<Vec<u8>>,
    /// `None` = a tombstone.
    pub value: Option<Vec<u8>>,
    /// `None` = the record's; else all it has.
    pub headers: Option<Vec<Header>>,
}

impl Output {
    /// The record's key and headers with this value.
    pub fn of(record: &Record, value: impl Into<Vec<u8>>) -> Output {
        Output { key: record.key.map(<[u8]>::to_vec), value: Some(value.into()), ..Output::default() }
    }

    /// A tombstone of the record's key.
    pub fn tombstone(record: &Record) -> Output {
        Output { key: record.key.map(<[u8]>::to_vec), ..Output::default() }
    }

    /// The same to another topic.
    pub fn to(mut self, topic: impl Into<String>) -> Output {
        self.topic = Some(topic.into());
        self
    }

    /// The same with these headers and no others.
    pub fn with_headers(mut self, headers: Vec<Header>) -> Output {
        self.headers = Some(headers);
        self
    }
}
