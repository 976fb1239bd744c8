use crate::testing::{self, Emitted, Metric};
use crate::*;

const FAILED: u32 = u32::MAX;

/// Does what the first byte of the value says.
#[derive(Default)]
struct Script {
    config: String,
}

impl Transform for Script {
    fn init(&mut self, config: &str) -> Result<()> {
        if config.contains("bad") {
            return Err("no such field: bad".into());
        }
        self.config = config.to_owned();
        Ok(())
    }

    fn filter(&mut self, record: &Record) -> bool {
        record.value != b"filtered"
    }

    fn transform(&mut self, record: &Record) -> Result {
        let output = |value: &str| Output::of(record, value);
        Ok(match record.value {
            b"drop" => Outcome::Drop,
            b"none" => Outcome::Outputs(vec![]),
            b"fail" => Err("told to")?,
            b"number" => Outcome::value(record, "x".parse::<u32>()?.to_string()),
            b"two" => vec![output("one"), output("2")].into(),
            b"topic" => output("there").to("topic-a").into(),
            b"tombstone" => vec![Output::tombstone(record), output("last")].into(),
            b"headers" => {
                let own = vec![Header::new("own", "h"), Header { name: "null".into(), value: None }];
                vec![output("1").with_headers(own), output("2"), output("3").with_headers(vec![])].into()
            }
            b"long" => output(&"x".repeat(100)).into(),
            b"config" => output(&self.config).into(),
            b"metric" => {
                metric_add("seen", 1.0);
                metric_set("level", record.offset() as f64);
                Outcome::Unchanged
            }
            _ => Outcome::Unchanged,
        })
    }
}

impl Route for Script {
    fn route(&mut self, record: &Record) -> Option<String> {
        (record.value.len() < 4).then(|| format!("short-{}", record.value.len()))
    }
}

const ROOM: usize = 32;

fn payload(key: Option<&[u8]>, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; frame::byte_len(key, value).unwrap()];
    frame::write(key, value, &mut bytes);
    bytes
}

/// What the host would see: transform's answer, and its bytes.
fn run_with(runner: &mut Runner<Script>, value: &str) -> Option<(u32, Vec<u8>)> {
    let input = payload(Some(b"k"), value.as_bytes());
    let mut out = [0xee; ROOM];
    runner.filter(&input).then(|| {
        let written = runner.transform(&input, &mut out);
        (written, out[..if written == FAILED { 0 } else { written as usize }].to_vec())
    })
}

fn run(value: &str) -> Option<(u32, Vec<u8>)> {
    testing::reset(|host| host.headers = vec![Header::new("of", "record")]);
    run_with(&mut Runner::new(), value)
}

fn emitted() -> Vec<Emitted> {
    testing::with(|host| std::mem::take(&mut host.emitted))
}

fn logged() -> Vec<(Level, String)> {
    testing::with(|host| std::mem::take(&mut host.log))
}

fn answer(value: &str) -> Option<(u32, Vec<u8>)> {
    let bytes = payload(Some(b"k"), value.as_bytes());
    Some((bytes.len() as u32, bytes))
}

#[test]
fn unchanged_and_dropped() {
    assert_eq!(run("as it came"), Some((0, vec![])));
    for dropped in ["drop", "none", "filtered"] {
        assert_eq!(run(dropped), None, "{dropped}");
    }
    assert!(emitted().is_empty());
}

#[test]
fn a_record_that_is_dropped_leaves_nothing_for_the_next() {
    let mut runner = Runner::new();
    testing::reset(|_| ());
    assert_eq!(run_with(&mut runner, "two").map(|(written, _)| written), answer("2").map(|(written, _)| written));
    assert_eq!(run_with(&mut runner, "drop"), None);
    assert_eq!(run_with(&mut runner, "plain"), Some((0, vec![])));
}

#[test]
fn a_failure_is_logged_with_its_message() {
    assert_eq!(run("fail"), Some((FAILED, vec![])));
    assert_eq!(logged(), [(Level::Error, "told to".to_owned())]);
    assert_eq!(run("number"), Some((FAILED, vec![])));
    assert_eq!(logged(), [(Level::Error, "invalid digit found in string".to_owned())]);
}

#[test]
fn the_last_output_is_the_answer_and_all_others_are_emitted() {
    assert_eq!(run("two"), answer("2"));
    let payloads: Vec<_> = emitted().into_iter().map(|one| (one.payload.unwrap(), one.topic)).collect();
    assert_eq!(payloads, [(payload(Some(b"k"), b"one"), String::new())]);
}

#[test]
fn an_output_of_a_topic_or_without_room_is_emitted() {
    assert_eq!(run("topic"), Some((0, vec![])));
    assert_eq!(emitted()[0].topic, "topic-a");
    assert_eq!(run("long"), Some((0, vec![])));
    assert_eq!(emitted()[0].payload.as_ref().map(Vec::len), Some(105));
}

#[test]
fn a_tombstone_is_not_an_empty_value() {
    testing::reset(|host| host.value_is_null = true);
    assert_eq!(Record::new(None, b"").nullable_value(), None);
    testing::reset(|_| ());
    assert_eq!(Record::new(None, b"").nullable_value(), Some(&b""[..]));
    assert_eq!(Record::new(None, b"v").nullable_value(), Some(&b"v"[..]));
}

#[test]
fn a_tombstone_has_its_key() {
    assert_eq!(run("tombstone"), answer("last"));
    let all = emitted();
    assert_eq!((all.len(), &all[0].payload, &all[0].key), (1, &None, &Some(b"k".to_vec())));
}

#[test]
fn headers_are_those_of_each_output() {
    assert_eq!(run("headers"), answer("3"));
    let all = emitted();
    assert_eq!(all[0].headers, [Header::new("own", "h"), Header { name: "null".into(), value: None }]);
    assert_eq!(all[1].headers, [Header::new("of", "record")]);
    assert!(testing::with(|host| host.headers.is_empty()));
}

#[test]
fn a_route_names_what_is_emitted_and_what_is_answered() {
    testing::reset(|_| ());
    let mut runner = Runner::routing();
    assert_eq!(run_with(&mut runner, "two"), answer("2"));
    assert_eq!(emitted()[0].topic, "short-3");
    let mut out = [0; 16];
    assert_eq!(runner.route(&payload(None, b"2"), &mut out), 7);
    assert_eq!(&out[..7], b"short-1");
    assert_eq!(runner.route(&payload(None, b"long enough"), &mut out), 0);
}

#[test]
fn a_config_is_taken_or_refused_with_a_message() {
    testing::reset(|_| ());
    let mut runner = Runner::<Script>::new();
    assert!(runner.init(b"{\"a\":1}"));
    assert_eq!(run_with(&mut runner, "config"), answer("{\"a\":1}"));
    assert!(!runner.init(b"{\"bad\":1}"));
    assert!(!runner.init(b"\xff"));
    assert_eq!(logged()[0].1, "no such field: bad");
}

#[test]
fn what_has_no_frame_fails() {
    testing::reset(|_| ());
    let mut runner = Runner::<Script>::new();
    assert!(runner.filter(b"x"));
    assert_eq!(runner.transform(b"x", &mut [0; 8]), FAILED);
    assert!(logged()[0].1.contains("payload: framed"));
}

#[test]
fn metrics_and_metadata_are_the_hosts() {
    testing::reset(|host| host.offset = 7);
    run_with(&mut Runner::new(), "metric");
    let metrics = testing::with(|host| host.metrics.clone());
    assert_eq!(metrics, [Metric::Add("seen".into(), 1.0), Metric::Set("level".into(), 7.0)]);
}

#[test]
fn bytes_in_and_out() {
    testing::reset(|_| ());
    let mut out = [0; 8];
    assert_eq!(abi::run_value(|input: &[u8]| input.to_ascii_uppercase(), b"abc", &mut out), 3);
    assert_eq!(&out[..3], b"ABC");
    // Empty is a value, and too long is the host's to judge.
    assert_eq!(abi::run_value(|_: &[u8]| vec![], b"abc", &mut out), 0);
    assert_eq!(abi::run_value(|_: &[u8]| vec![1; 9], b"abc", &mut out), 0);
    assert_eq!(emitted().iter().map(|one| one.payload.as_ref().unwrap().len()).collect::<Vec<_>>(), [0, 9]);
    assert_eq!(abi::run_value(|_: &[u8]| Err::<Vec<u8>, _>("no"), b"abc", &mut out), FAILED);
    assert_eq!(abi::run_framed(|_: &[u8]| vec![], &payload(Some(b"k"), b"v"), &mut out), 5);
    assert_eq!(&out[..5], &payload(Some(b"k"), b"")[..]);
}
