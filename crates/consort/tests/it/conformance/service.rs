//! Each way in which the service of a model fails, and what follows.

use super::Runtime;
use super::lab::RUN;
use super::stage::{Act, Stage, good, good_after};
use consort_testing::model::{Fault, Reply, Rule, Rules, Scenario};
use std::time::{Duration, Instant};

fn always(reply: Reply) -> Option<Scenario> {
    Some(Rules::of([Rule::prompt("Write a note.").reply(reply)]).into())
}

/// Fails like this after so many attempts, and what the person who is asked reads.
fn held(runtime: Runtime, act: Act, says: &str, attempts: usize) -> Stage {
    let stage = Stage::of(runtime, act);
    let said = stage.runs(3);
    let text = format!("{}{}", said.stdout, said.stderr);
    let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(joined.contains(says), "`{says}` is not said: {text}");
    assert_eq!(stage.attempts(), attempts, "{text}");
    stage.over();
    stage
}

fn held_by(runtime: Runtime, keys: &str, reply: Reply, says: [&str; 2], attempts: usize) {
    let act = Act { keys: keys.into(), model: always(reply), ..Act::default() };
    held(runtime, act, says[usize::from(runtime == Runtime::Api)], attempts);
}

pub(super) fn bad_request(runtime: Runtime) {
    held_by(runtime, "", Reply::http(400), ["400", "the service says 400"], 1);
}

pub(super) fn wrong_key(runtime: Runtime) {
    held_by(runtime, "", Reply::http(401), ["Failed to authenticate", "is the key right?"], 1);
}

pub(super) fn unknown_model(runtime: Runtime) {
    let says = ["issue with the selected model (nobody-1)", "is there such a model"];
    held_by(runtime, ", model: nobody-1", Reply::http(404), says, 1);
}

/// The service refuses until it is told otherwise; then the work goes on by itself.
pub(super) fn limited(runtime: Runtime) {
    let stage = Stage::of(runtime, Act { model: always_limited(), ..Act::default() });
    let mut runner = stage.lab.begin();
    stage.lab.until(RUN, "\"pool_rested\"");
    let (rested, asked) = (Instant::now(), stage.lab.server.requests().len());
    assert!(asked > 0);
    stage.lab.server.play(good(runtime));
    assert!(runner.wait().unwrap().success(), "{}", stage.journal());
    assert!(rested.elapsed() >= Duration::from_millis(1200), "it did not wait: {:?}", rested.elapsed());
    let journal = stage.journal();
    assert!(!journal.contains("\"task_held\""), "{journal}");
    // Nothing of what it may try was lost by it.
    let retries = journal.lines().filter(|l| l.contains("\"step_retrying\""));
    assert!(
        retries.clone().count() > 0 && retries.clone().all(|l| l.contains("\"failures\":0")),
        "{journal}"
    );
    stage.over();
}

fn always_limited() -> Option<Scenario> {
    always_limited_for(2)
}

/// So many seconds, each time.
pub(super) fn always_limited_for(seconds: u64) -> Option<Scenario> {
    Some(Scenario::code(move |_| Reply::limited(seconds)))
}

pub(super) fn broken(runtime: Runtime) {
    held_by(runtime, "", Reply::http(500), ["500", "the service says 500"], 2);
}

pub(super) fn overloaded(runtime: Runtime) {
    held_by(runtime, "", Reply::http(529), ["529", "the service says 529"], 2);
}

pub(super) fn refused(runtime: Runtime) {
    // Nobody listens there: whoever did is gone.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let act = Act { url: Some(format!("http://{gone}")), ..Act::default() };
    let says = if runtime == Runtime::Api { "the service cannot be reached" } else { "onnect" };
    held(runtime, act, says, 2);
}

/// The work is done although the first answers were not whole.
fn survived(runtime: Runtime, times: u32, reply: Reply) -> Stage {
    let model = Some(good_after(times, reply, runtime));
    let stage = Stage::of(runtime, Act { model, ..Act::default() });
    stage.runs(0);
    assert!(stage.lab.server.requests().len() > usize::try_from(times).unwrap());
    stage.over();
    stage
}

pub(super) fn cut_stream(runtime: Runtime) {
    survived(runtime, 1, Reply::fault(Fault::Cut { after: 3 }));
}

pub(super) fn error_in_stream(runtime: Runtime) {
    let fault = Fault::InBand { after: 3, kind: "overloaded_error".into(), message: "too much".into() };
    survived(runtime, 1, Reply::fault(fault));
}

pub(super) fn hanging_stream(runtime: Runtime) {
    let act = Act {
        keys: ", idle: 2s".into(),
        model: always(Reply::fault(Fault::Hang { after: 3 })),
        ..Act::default()
    };
    held(runtime, act, "`idle`", 2);
}

/// Bytes that are no answer of any wire, and no text.
pub(super) fn malformed_stream(runtime: Runtime) {
    let bytes: Vec<u8> = (0..4096u32).map(|n| (n * 37 % 256) as u8).collect();
    let act = Act {
        model: Some(Scenario::code(move |_| Reply::fault(Fault::Rubbish { bytes: bytes.clone() }))),
        ..Act::default()
    };
    let stage = Stage::of(runtime, act);
    let said = stage.runs(3);
    assert_eq!(stage.attempts(), 2, "{}", stage.journal());
    let text = format!("{}{}", said.stdout, said.stderr);
    assert!(runtime == Runtime::Claude || text.contains("is no JSON"), "{text}");
    assert!(!text.contains('\u{fffd}') && !text.bytes().any(|b| b < 9), "rubbish is shown: {text:?}");
    stage.over();
}
