use crate::delivery::{deliver, FAILED, NOTHING};
use crate::log::log_panics;
use crate::{frame, host, Failure, Level, Outcome, Record, Route, Transform};

/// One instance: the transform, and what it has decided about the record under way. The host calls `filter`, then `transform`;
/// only the first can drop a record and only the second has outputs. So the transform runs in `filter`, and its outcome waits here.
#[doc(hidden)]
pub struct Runner<T> {
    transform: T,
    waiting: Option<crate::Result>,
    route: Option<fn(&mut T, &Record) -> Option<String>>,
}

impl<T: Transform> Runner<T> {
    pub fn new() -> Self {
        log_panics();
        Runner { transform: T::default(), waiting: None, route: None }
    }

    pub fn init(&mut self, config: &[u8]) -> bool {
        let accepted = std::str::from_utf8(config).map_err(Failure::from).and_then(|text| self.transform.init(text));
        if let Err(failure) = &accepted {
            host::log(Level::Error, &failure.message);
        }
        accepted.is_ok()
    }

    /// false = the record is dropped.
    pub fn filter(&mut self, payload: &[u8]) -> bool {
        let decided = self.decide(payload);
        let kept = !matches!(&decided, Ok(Outcome::Drop));
        self.waiting = kept.then_some(decided);
        kept
    }

    pub fn transform(&mut self, payload: &[u8], out: &mut [u8]) -> u32 {
        let decided = match self.waiting.take() {
            Some(decided) => decided,
            None => self.decide(payload),
        };
        let failure = match decided {
            Ok(Outcome::Unchanged) => return NOTHING,
            Ok(Outcome::Outputs(outputs)) => {
                let Runner { transform, route, .. } = self;
                return deliver(&outputs, out, |record| route.and_then(|route| route(transform, record)));
            }
            Ok(Outcome::Drop) => Failure::from("the host did not call filter, and transform cannot drop a record"),
            Err(failure) => failure,
        };
        host::log(Level::Error, &failure.message);
        FAILED
    }

    fn decide(&mut self, payload: &[u8]) -> crate::Result {
        let record = frame::read(payload)?;
        if !self.transform.filter(&record) {
            return Ok(Outcome::Drop);
        }
        Ok(match self.transform.transform(&record)? {
            Outcome::Outputs(outputs) if outputs.is_empty() => Outcome::Drop,
            outcome => outcome,
        })
    }
}

impl<T: Route> Runner<T> {
    pub fn routing() -> Self {
        Runner { route: Some(T::route), ..Self::new() }
    }

    /// Bytes of the topic, written where they fit; a name that does not is one the host refuses.
    pub fn route(&mut self, payload: &[u8], out: &mut [u8]) -> u32 {
        let topic = frame::read(payload).ok().and_then(|record| self.transform.route(&record)).unwrap_or_default();
        if let Some(room) = out.get_mut(..topic.len()) {
            room.copy_from_slice(topic.as_bytes());
        }
        topic.len() as u32
    }
}

impl<T: Transform> Default for Runner<T> {
    fn default() -> Self {
        Self::new()
    }
}
