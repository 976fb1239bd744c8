use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use std::fmt;

/// The value of one field of a JSON object, the last where there are several; everything else is checked and not kept.
/// `None` = no such field, or null.
pub fn find(json: &[u8], name: &str) -> serde_json::Result<Option<Value>> {
    let mut text = serde_json::Deserializer::from_slice(json);
    let found = text.deserialize_map(FieldOf(name))?;
    text.end()?;
    Ok(found)
}

struct FieldOf<'n>(&'n str);

impl<'de> Visitor<'de> for FieldOf<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<Name>()? {
            if name.0 == self.0 {
                found = map.next_value::<Option<Value>>()?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// A name without its escapes; copied only where it has some.
struct Name<'de>(std::borrow::Cow<'de, str>);

impl<'de> serde::Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Name(text.into()))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Name(text.to_owned().into()))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(json: &str) -> Option<Option<String>> {
        find(json.as_bytes(), "id").ok().map(|value| value.map(|value| value.to_string()))
    }

    #[test]
    fn finds_a_field_of_the_object_itself() {
        assert_eq!(found(r#"{"a":{"id":1},"id":20211207123456789012}"#), Some(Some("20211207123456789012".into())));
        assert_eq!(found(r#"{"i\u0064":"x","b":[1]}"#), Some(Some("\"x\"".into())));
        assert_eq!(found(r#"{"id":1,"id":2}"#), Some(Some("2".into())));
        assert_eq!(found(r#"{"id":null}"#), Some(None));
        assert_eq!(found(r#"{"a":{"id":1}}"#), Some(None));
    }

    #[test]
    fn refuses_what_is_no_object() {
        for json in ["", "{", "[]", "1", r#"{"id":1}}"#, r#"{"id":1"#, r#"{"a":tru,"id":1}"#] {
            assert_eq!(found(json), None, "{json}");
        }
    }
}
