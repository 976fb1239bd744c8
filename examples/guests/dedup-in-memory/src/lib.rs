//! Drops records whose key, or a field of whose JSON value, was seen among the last `window` ids. README.md says what it cannot do.

mod field;
mod window;

use serde_json::Value;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use streamline_guest::{metric_add, Failure, Outcome, Record, Result, Transform};
use window::{Sighting, Window};

const WINDOW_DEFAULT: usize = 100_000;
/// About 32 MB of memory.
const WINDOW_MAX: u64 = 1_000_000;

struct Dedup {
    /// None = the record's key is its id.
    field: Option<String>,
    window: Window,
}

impl Default for Dedup {
    fn default() -> Self {
        Dedup { field: None, window: Window::new(1) }
    }
}

impl Transform for Dedup {
    fn init(&mut self, config: &str) -> Result<()> {
        let Value::Object(config) = serde_json::from_str(config)? else {
            return Err("config: an object".into());
        };
        let mut window = WINDOW_DEFAULT;
        for (name, value) in &config {
            match (name.as_str(), value) {
                ("window", value) => {
                    let ids = value.as_u64().filter(|ids| (1..=WINDOW_MAX).contains(ids));
                    window = ids.ok_or_else(|| format!("config.window: a whole number from 1 to {WINDOW_MAX}"))? as usize;
                }
                ("field", Value::String(field)) => self.field = Some(field.clone()),
                ("field", _) => return Err("config.field: the name of a field, as text".into()),
                _ => return Err(format!("config.{name}: there are window and field").into()),
            }
        }
        self.window = Window::new(window);
        Ok(())
    }

    /// Without an id a record passes. With `field`, what is no JSON object fails.
    fn transform(&mut self, record: &Record) -> Result {
        let Some(hash) = self.id(record)? else {
            return Ok(Outcome::Unchanged);
        };
        let sighting = Sighting { hash, partition: record.partition(), offset: record.offset() };
        if !self.window.is_duplicate(sighting) {
            return Ok(Outcome::Unchanged);
        }
        metric_add("duplicates", 1.0);
        Ok(Outcome::Drop)
    }
}

impl Dedup {
    fn id(&self, record: &Record) -> Result<Option<u64>> {
        let Some(name) = &self.field else {
            return Ok(record.key.map(hash_of));
        };
        let value = field::find(record.value, name).map_err(Failure::from)?;
        // As JSON text: "1" and 1 are two ids.
        Ok(value.map(|value| hash_of(value.to_string().as_bytes())))
    }
}

/// SipHash of fixed keys: each instance and each build the same.
fn hash_of(id: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

streamline_guest::export!(Dedup);

#[cfg(test)]
mod tests {
    use super::*;
    use streamline_guest::testing;

    fn dedup(config: &str) -> Result<Dedup> {
        let mut dedup = Dedup::default();
        dedup.init(config).map(|()| dedup)
    }

    /// What becomes of the records, one letter each: `.` passes, `d` is dropped, `f` fails.
    fn run(config: &str, records: &[(Option<&str>, &str)]) -> String {
        let mut dedup = dedup(config).unwrap();
        let letters = records.iter().enumerate().map(|(i, (key, value))| {
            testing::reset(|host| host.offset = i as i64);
            match dedup.transform(&Record::new(key.map(str::as_bytes), value.as_bytes())) {
                Ok(Outcome::Unchanged) => '.',
                Ok(Outcome::Drop) => 'd',
                _ => 'f',
            }
        });
        letters.collect()
    }

    #[test]
    fn by_key() {
        let records = [(Some("a"), "1"), (Some("b"), "1"), (Some("a"), "2"), (None, "1"), (None, "1"), (Some(""), ""), (Some(""), "")];
        assert_eq!(run("{}", &records), "..d...d");
        assert_eq!(run(r#"{"window":1}"#, &records), "......d");
    }

    #[test]
    fn by_field() {
        let values = [r#"{"id":1}"#, r#"{"id":"1"}"#, r#"{ "x":0, "id" : 1}"#, "{}", r#"{"id":null}"#, "{}", "oops", r#"{"i\u0064":"\u0031"}"#];
        let records = values.map(|value| (None, value));
        assert_eq!(run(r#"{"field":"id"}"#, &records), "..d...fd");
    }

    #[test]
    fn refuses_a_config_it_does_not_understand() {
        for config in ["[]", "{", r#"{"window":0}"#, r#"{"window":1.5}"#, r#"{"window":1000001}"#, r#"{"field":1}"#, r#"{"windows":1}"#] {
            assert!(dedup(config).is_err(), "{config}");
        }
        assert!(dedup(r#"{"window":1000000,"field":"id"}"#).is_ok());
    }
}
