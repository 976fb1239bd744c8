//! Does what a record's value says: for what only the real host shows.

use streamline_guest::{log, metric_add, metric_set, Header, Level, Outcome, Output, Record, Result, Route, Transform};

#[derive(Default)]
struct Probe {
    records: u64,
}

impl Transform for Probe {
    fn init(&mut self, config: &str) -> Result<()> {
        match config {
            r#""refuse""# => Err("told to refuse".into()),
            r#""panic""# => panic!("told to panic"),
            _ => Ok(()),
        }
    }

    fn filter(&mut self, record: &Record) -> bool {
        record.value != b"filtered"
    }

    fn transform(&mut self, record: &Record) -> Result {
        self.records += 1;
        let value = std::str::from_utf8(record.value)?;
        let (word, rest) = value.split_once(' ').unwrap_or((value, ""));
        let of = |text: &str| Output::of(record, text);
        Ok(match word {
            "" if record.key == Some(b"tombstone?") => of(&format!("{:?}", record.nullable_value())).into(),
            "drop" => Outcome::Drop,
            "none" => vec![].into(),
            "fail" => return Err(rest.into()),
            "panic" => panic!("{rest}"),
            "count" => of(&self.records.to_string()).into(),
            "echo" => of(rest).into(),
            "null-key" => Output { key: None, ..of(rest) }.into(),
            "tombstone" => Output::tombstone(record).into(),
            "size" => Outcome::value(record, vec![b'x'; rest.parse::<usize>()?]),
            "each" => rest.split(',').map(of).collect::<Vec<_>>().into(),
            "to" => rest.split(',').map(|topic| of(topic).to(topic)).collect::<Vec<_>>().into(),
            "metadata" => {
                let Record { key, .. } = record;
                let ms = record.timestamp_ms();
                let text = format!("{key:?} {} {} {} {ms:?} {:?}", record.topic(), record.partition(), record.offset(), record.schema());
                of(&text).into()
            }
            "header" => of(&format!("{:?}", record.header(rest).map(|header| header.value))).into(),
            "headers" => of(&record.headers().iter().map(|header| &*header.name).collect::<Vec<_>>().join(",")).into(),
            "with" => {
                let own = vec![Header::new("own", rest), Header { name: "null".into(), value: None }];
                vec![of("1").with_headers(own), of("2"), of("3").with_headers(vec![])].into()
            }
            "metrics" => {
                metric_add("seen", 2.0);
                metric_set("level", -1.5);
                Outcome::Unchanged
            }
            "log" => {
                log(Level::Warn, rest);
                Outcome::Unchanged
            }
            _ => Outcome::Unchanged,
        })
    }
}

impl Route for Probe {
    /// `route-x…` goes to topic `x…`.
    fn route(&mut self, record: &Record) -> Option<String> {
        let topic = std::str::from_utf8(record.value).ok()?.strip_prefix("route-")?;
        Some(topic.to_owned())
    }
}

#[cfg(not(feature = "unrouted"))]
streamline_guest::export!(Probe, route);
// Does not compile: nothing would call route.
#[cfg(feature = "unrouted")]
streamline_guest::export!(Probe);
