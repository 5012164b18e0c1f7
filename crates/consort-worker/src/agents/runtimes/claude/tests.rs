//! Streams as the real program gave them (2.1.197, against a scripted service), read again.

use super::wire::Talk;
use crate::agents::session::port::{Action, Answer, Event, Say, StopReason};
use consort_core::run::FailureClass;
use serde_json::{Value, json};

/// All events of a recording; every request is answered with yes.
fn replay(recorded: &str) -> (Vec<Event>, Vec<Value>) {
    let mut talk = Talk::default();
    talk.hello();
    talk.say(Say::Turn("go".into()));
    let (mut events, mut written) = (Vec::new(), Vec::new());
    for line in recorded.lines() {
        let (told, replies) = talk.heard(line);
        written.extend(replies);
        for event in told {
            if let Event::PermissionRequest(request) = &event {
                let answer = Answer::Allow;
                written.extend(talk.say(Say::Answer { id: request.id.clone(), answer }));
            }
            events.push(event);
        }
    }
    (events, written)
}

fn end(events: &[Event]) -> &crate::agents::session::port::TurnEnd {
    let ends = events.iter().rev().find_map(|event| match event {
        Event::TurnEnd(end) => Some(end),
        _ => None,
    });
    ends.expect("a turn ends")
}

#[test]
fn a_file_is_written_with_its_own_tool() {
    let (events, written) = replay(include_str!("recorded/write.jsonl"));
    assert!(matches!(&events[0], Event::Began { version: Some(v), .. } if v == "2.1.197"), "{:?}", events[0]);
    let asked = events.iter().find_map(|event| match event {
        Event::PermissionRequest(request) => Some((&request.what, request.last)),
        _ => None,
    });
    assert_eq!(asked, Some((&Action::Write(vec!["/ws/out.md".into()]), false)));
    let answer = written.iter().find(|w| w["type"] == "control_response").unwrap();
    assert_eq!(answer["response"]["response"]["hookSpecificOutput"]["permissionDecision"], "allow");
    assert!(events.iter().any(|e| matches!(e, Event::ToolResult { ok: true, .. })));
    assert!(
        events.contains(&Event::Context { used: 1200, max: 1_000_000 }),
        "it says how large its context is"
    );
    let usage =
        events.iter().rev().find_map(|e| if let Event::Usage(spent) = e { Some(*spent) } else { None });
    let usage = usage.unwrap();
    assert_eq!(
        (usage.tokens_in, usage.tokens_out, usage.cache_read, usage.micro_usd),
        (1100, 70, 200, Some(7_350))
    );
    assert_eq!(
        (end(&events).stop, end(&events).text.as_str(), end(&events).turns),
        (StopReason::EndTurn, "Done.", 2)
    );
    assert!(!events.iter().any(|e| matches!(e, Event::Unknown { .. })), "{events:?}");
}

#[test]
fn an_error_that_calls_itself_success_is_an_error() {
    let (events, _) = replay(include_str!("recorded/limited.jsonl"));
    let error = end(&events).error.clone().unwrap();
    assert!(matches!(error.class, FailureClass::Limited(Some(_))), "{error:?}");
    assert!(events.iter().any(|e| matches!(e, Event::Retry { status: Some(429), .. })));
}

#[test]
fn a_structured_answer_and_a_cap_are_told() {
    let (events, _) = replay(include_str!("recorded/structured.jsonl"));
    assert_eq!(end(&events).structured, Some(json!({ "nonce": "x", "score": 0.9 })));
    let (events, _) = replay(include_str!("recorded/cost.jsonl"));
    assert_eq!(end(&events).stop, StopReason::MaxCost);
    assert_eq!(end(&events).error.as_ref().map(|e| e.class), Some(FailureClass::Cap));
    // A turn that was cut off sums up nothing by itself.
    let used = events.iter().any(|e| matches!(e, Event::Usage(spent) if spent.tokens_in == 1000));
    assert!(used, "{events:?}");
}

#[test]
fn what_was_refused_is_counted_by_the_program_itself() {
    let (events, _) = replay(include_str!("recorded/refused.jsonl"));
    assert_eq!(end(&events).refused, 1);
    assert!(events.iter().any(|e| matches!(e, Event::ToolResult { ok: false, .. })));
}

#[test]
fn whatever_it_says_no_line_ends_a_session() {
    let mut talk = Talk::default();
    for line in [
        "",
        "no json",
        "[]",
        "null",
        "{}",
        "{\"type\": 7}",
        "{\"type\": \"novelty\", \"x\": 1}",
        "{\"type\": \"system\", \"subtype\": \"novelty\"}",
        "{\"type\": \"assistant\"}",
        "{\"type\": \"assistant\", \"message\": {\"content\": [{\"type\": \"hologram\"}], \"usage\": \"much\"}}",
        "{\"type\": \"user\", \"message\": {\"content\": \"words\"}}",
        "{\"type\": \"result\"}",
        "{\"type\": \"control_request\", \"request_id\": \"1\", \"request\": {\"subtype\": \"novelty\"}}",
        "{\"type\": \"rate_limit_event\"}",
        "{\"type\": \"control_response\", \"response\": 1}",
    ] {
        talk.heard(line);
    }
    let ask =
        "{\"type\": \"control_request\", \"request_id\": \"2\", \"request\": {\"subtype\": \"novelty\"}}";
    let (_, replies) = talk.heard(ask);
    assert_eq!(replies[0]["response"]["subtype"], "error", "what we cannot do is said, so that nobody waits");
    assert_eq!(
        talk.say(Say::Answer { id: "never asked".into(), answer: Answer::Allow }),
        Vec::<Value>::new()
    );
}

#[test]
fn the_line_that_names_the_error_is_the_one_that_is_told() {
    let crash = "1 | code()\n\nerror: bubblewrap is required\n      at M7r (cli.js:477)\n\nRuntime v1.4.0\n";
    assert_eq!(super::wire::complaint(crash), ": error: bubblewrap is required");
    assert_eq!(super::wire::complaint("one\nNo conversation found\n"), ": No conversation found");
    assert_eq!(super::wire::complaint("\n"), "");
}
