//! `payload: framed`: u32 little-endian key length (0xFFFFFFFF = null key), key, value.

use crate::{Failure, Record};

const NULL_KEY: u32 = u32::MAX;
const HEAD_BYTES: usize = 4;

pub fn read(payload: &[u8]) -> Result<Record<'_>, Failure> {
    parts(payload).ok_or_else(|| "the record has no frame: this transform needs `payload: framed`".into())
}

fn parts(payload: &[u8]) -> Option<Record<'_>> {
    let head = payload.get(..HEAD_BYTES)?;
    let key_len = u32::from_le_bytes([head[0], head[1], head[2], head[3]]);
    let body = &payload[HEAD_BYTES..];
    if key_len == NULL_KEY {
        return Some(Record::new(None, body));
    }
    let key = body.get(..key_len as usize)?;
    Some(Record::new(Some(key), &body[key.len()..]))
}

/// Bytes of the frame; `None` = more than a length can say.
pub fn byte_len(key: Option<&[u8]>, value: &[u8]) -> Option<usize> {
    let len = HEAD_BYTES.checked_add(key.map_or(0, <[u8]>::len))?.checked_add(value.len())?;
    (len < NULL_KEY as usize).then_some(len)
}

/// Fills exactly `byte_len` bytes.
pub fn write(key: Option<&[u8]>, value: &[u8], into: &mut [u8]) {
    let (head, body) = into.split_at_mut(HEAD_BYTES);
    head.copy_from_slice(&key.map_or(NULL_KEY, |key| key.len() as u32).to_le_bytes());
    let (key_part, value_part) = body.split_at_mut(key.map_or(0, <[u8]>::len));
    key_part.copy_from_slice(key.unwrap_or_default());
    value_part.copy_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(key: Option<&[u8]>, value: &[u8]) {
        let mut bytes = vec![0; byte_len(key, value).unwrap()];
        write(key, value, &mut bytes);
        let record = read(&bytes).unwrap();
        assert_eq!((record.key, record.value), (key, value));
    }

    #[test]
    fn reads_what_it_writes() {
        round_trip(None, b"value");
        round_trip(Some(b""), b"value");
        round_trip(Some(b"key"), b"");
        round_trip(Some(b"key"), b"value");
    }

    #[test]
    fn a_key_past_the_end_is_no_frame() {
        assert!(read(&[]).is_err());
        assert!(read(&[1, 0, 0]).is_err());
        assert!(read(&[2, 0, 0, 0, b'k']).is_err());
        assert!(read(&[0xfe, 0xff, 0xff, 0xff, b'k']).is_err());
    }
}
