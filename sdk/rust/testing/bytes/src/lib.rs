//! The other form, in the newest edition: bytes to bytes.

fn transform(input: &[u8]) -> Result<Vec<u8>, String> {
    match input {
        b"empty" => Ok(vec![]),
        b"long" => Ok(vec![b'x'; (1 << 20) + 1]),
        b"fail" => Err("told to".to_owned()),
        b"panic" => panic!("at the disco"),
        _ => Ok(input.to_ascii_uppercase()),
    }
}

#[cfg(feature = "framed")]
streamline_guest::bytes_transform!(transform, framed);
#[cfg(not(feature = "framed"))]
streamline_guest::bytes_transform!(transform);
