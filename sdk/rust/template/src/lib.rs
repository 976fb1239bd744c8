//! Masks e-mail addresses in the fields that the config names: "ann@example.org" becomes "***@example.org".

use serde_json::Value;
use streamline_guest::{Outcome, Record, Result, Transform};

#[derive(Default)]
struct MaskMail {
    fields: Vec<String>,
}

impl Transform for MaskMail {
    /// `{"fields": ["email", …]}`
    fn init(&mut self, config: &str) -> Result<()> {
        let Value::Object(config) = serde_json::from_str(config)? else {
            return Err("config: an object".into());
        };
        for (name, value) in &config {
            let ("fields", Value::Array(names)) = (name.as_str(), value) else {
                return Err(format!("config.{name}: there is only fields, a list of names").into());
            };
            for field in names {
                self.fields.push(field.as_str().ok_or("config.fields: a name is text")?.to_owned());
            }
        }
        if self.fields.is_empty() {
            return Err("config.fields: names no field".into());
        }
        Ok(())
    }

    /// What is no JSON object fails: it could hide an address.
    fn transform(&mut self, record: &Record) -> Result {
        let mut value: Value = serde_json::from_slice(record.value)?;
        let object = value.as_object_mut().ok_or("the value is no JSON object")?;
        let mut changed = false;
        for field in &self.fields {
            if let Some(Value::String(text)) = object.get_mut(field) {
                if let Some((_, domain)) = text.split_once('@') {
                    *text = format!("***@{domain}");
                    changed = true;
                }
            }
        }
        if !changed {
            return Ok(Outcome::Unchanged);
        }
        Ok(Outcome::value(record, serde_json::to_vec(&value)?))
    }
}

streamline_guest::export!(MaskMail);

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(value: &str) -> Result {
        let mut transform = MaskMail::default();
        transform.init(r#"{"fields": ["email"]}"#)?;
        transform.transform(&Record::new(Some(b"user-1"), value.as_bytes()))
    }

    #[test]
    fn masks_the_address_and_leaves_the_rest() {
        let record = Record::new(Some(b"user-1"), b"");
        let expected = Outcome::value(&record, r#"{"z":5285.90,"email":"***@example.org","a":1}"#);
        assert_eq!(masked(r#"{"z":5285.90,"email":"ann@example.org","a":1}"#), Ok(expected));
    }

    #[test]
    fn what_has_no_address_is_unchanged() {
        assert_eq!(masked(r#"{"email":null}"#), Ok(Outcome::Unchanged));
    }

    #[test]
    fn what_is_no_object_fails() {
        assert!(masked("email=ann@example.org").is_err());
        assert!(masked("[]").is_err());
    }

    #[test]
    fn a_config_it_cannot_use_is_refused() {
        for config in ["{}", r#"{"fields":[]}"#, r#"{"fields":["email"],"feilds":1}"#] {
            assert!(MaskMail::default().init(config).is_err(), "{config}");
        }
    }
}
