use std::fmt::Display;

/// Why a record failed, or a config is refused. It is logged at level error; the record goes to the spec's `errors.on_failure`.
///
/// Anything that can be displayed becomes one, so `?` works on most errors, and `Err("no order".into())` on text.
/// It cannot be displayed itself, or it would become one twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub message: String,
}

impl<E: Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure { message: error.to_string() }
    }
}

/// What [`Transform`](crate::Transform)'s methods answer.
pub type Result<T = crate::Outcome> = std::result::Result<T, Failure>;
