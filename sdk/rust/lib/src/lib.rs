//! Transforms for the Streamline sidecar, in Rust.
//!
//! Write a [`Transform`] and [`export!`](crate::export) it, or, for a function from bytes to bytes,
//! [`bytes_transform!`](crate::bytes_transform). A crate of `crate-type = ["cdylib"]` built for
//! `wasm32-unknown-unknown` is the module. `docs/abi.md` of the sidecar is what this crate speaks.
//!
//! Natively (`cargo test`) the same code runs against [`testing`].

#[doc(hidden)]
pub mod abi;
mod bytes;
mod delivery;
mod export;
mod failure;
mod frame;
#[cfg(target_arch = "wasm32")]
#[path = "host_wasm.rs"]
mod host;
#[cfg(not(target_arch = "wasm32"))]
#[path = "host_native.rs"]
mod host;
mod log;
mod metric;
mod outcome;
mod record;
mod runner;
#[cfg(test)]
mod runner_tests;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
mod transform;

pub use bytes::BytesResult;
pub use failure::{Failure, Result};
pub use log::{log, Level};
pub use metric::{metric_add, metric_set};
pub use outcome::{Outcome, Output};
pub use record::{Header, Record, Schema};
pub use runner::Runner;
pub use transform::{Route, Transform};
