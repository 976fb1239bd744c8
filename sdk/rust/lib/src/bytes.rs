use crate::{delivery, frame, host, Failure, Level};

/// What a function of [`bytes_transform!`](crate::bytes_transform) may answer: the new value, or a failure.
pub trait BytesResult {
    fn into_result(self) -> Result<Vec<u8>, Failure>;
}

impl BytesResult for Vec<u8> {
    fn into_result(self) -> Result<Vec<u8>, Failure> {
        Ok(self)
    }
}

impl<E: Into<Failure>> BytesResult for Result<Vec<u8>, E> {
    fn into_result(self) -> Result<Vec<u8>, Failure> {
        self.map_err(Into::into)
    }
}

fn failed(failure: Failure) -> u32 {
    host::log(Level::Error, &failure.message);
    delivery::FAILED
}

/// `payload: value`: in and out are values, the host keeps the key.
#[doc(hidden)]
pub fn run_value<R: BytesResult>(function: impl Fn(&[u8]) -> R, input: &[u8], out: &mut [u8]) -> u32 {
    match function(input).into_result() {
        Ok(value) if !value.is_empty() && value.len() <= out.len() => {
            out[..value.len()].copy_from_slice(&value);
            value.len() as u32
        }
        // An answer of no bytes would mean "unchanged".
        Ok(value) => {
            host::emit(&value, "");
            delivery::NOTHING
        }
        Err(failure) => failed(failure),
    }
}

/// `payload: framed`: the function sees the value, the key goes on as it came.
#[doc(hidden)]
pub fn run_framed<R: BytesResult>(function: impl Fn(&[u8]) -> R, input: &[u8], out: &mut [u8]) -> u32 {
    frame::read(input)
        .and_then(|record| Ok(delivery::answer(record.key, &function(record.value).into_result()?, out)))
        .unwrap_or_else(failed)
}
