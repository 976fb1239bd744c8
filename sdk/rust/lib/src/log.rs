use crate::host;

/// Of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    Trace = 0,
    Debug = 1,
    Info = 2,
    Warn = 3,
    Error = 4,
}

/// Writes a line to the transform's log (`streamline-cli transforms logs NAME`). The sidecar limits lines a second and the length
/// of each.
pub fn log(level: Level, text: impl AsRef<str>) {
    host::log(level, text.as_ref());
}

/// Where a panic would end in silence, its message is logged.
pub(crate) fn log_panics() {
    #[cfg(target_arch = "wasm32")]
    std::panic::set_hook(Box::new(|panic| log(Level::Error, panic.to_string().replace('\n', " "))));
}
