use crate::{Outcome, Record, Result};

/// A transform: one value of the type for each instance of the module. All methods have defaults; with none of them written
/// records pass as they came.
///
/// State in `self` lasts from record to record, until the instance is replaced: after a panic, a record that used up its
/// fuel, a redeploy. There may be several instances, each with some of the partitions.
pub trait Transform: Default + 'static {
    /// Called once, before any record. `config` is the JSON text of the spec's `config`, `{}` when it has none.
    /// A failure refuses the deploy with its message; so should a field that is not known.
    fn init(&mut self, config: &str) -> Result<()> {
        let _ = config;
        Ok(())
    }

    /// `false` drops the record. What is parsed here can be kept in `self` for `transform`, which comes next, with the same record.
    fn filter(&mut self, record: &Record) -> bool {
        let _ = record;
        true
    }

    /// What becomes of the record. A failure fails this record alone and the instance stays; a panic costs the instance as well.
    fn transform(&mut self, record: &Record) -> Result {
        let _ = record;
        Ok(Outcome::Unchanged)
    }
}

/// A transform that says where its outputs go. Export it with `export!(MyTransform, route)`.
pub trait Route: Transform {
    /// The topic of an output that names none, or of a record that goes on unchanged; `record` is what goes out. `None` = the
    /// spec's `output_topic`. It cannot fail: fail what has no topic in `transform`.
    fn route(&mut self, record: &Record) -> Option<String>;
}
