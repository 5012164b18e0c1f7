//! What people read of agents that are talked to: the inbox, lines, a task, the tracker.

use crate::drive::Run;
use crate::seed;
use consort_core::ids::AttemptId;
use consort_core::plan::{Grip, Rule, Runtime, Tool};
use consort_core::run::*;
use consort_core::view::{self, inbox, model};
use insta::assert_snapshot;

/// A run in which the creators of phase 1 are talked to, up to where both run.
fn start() -> Run {
    let mut plan = seed::plan();
    for task in plan.tasks.iter_mut().filter(|t| t.id.as_str().ends_with("-001")) {
        task.creator.runtime = Runtime::Session(Box::default());
        task.creator.fallbacks = vec![task.creator.clone()];
    }
    let mut run = Run::start(plan, false);
    (0..3).for_each(|_| run.answer(true, None));
    run.until(|s| s.live.values().filter(|l| l.process.is_some()).count() == 2);
    run
}

fn live(run: &Run, task: &str) -> AttemptId {
    run.state.live.keys().find(|a| a.task.as_str() == task).expect(task).clone()
}

fn note(run: &mut Run, task: &str, kind: NoteKind) {
    let attempt = live(run, task);
    let number = run.state.live[&attempt].notes + 1;
    run.input(Input::Reported(Report::SessionNoted { attempt, note: SessionNote { number, kind } }));
}

fn asks(run: &mut Run, task: &str, number: u32, kind: AskKind, text: &str, rule: Option<Rule>) {
    note(run, task, NoteKind::Asked(Ask { number, kind, text: text.into(), rule }));
}

fn installs() -> Rule {
    Rule { tool: Some(Tool::Shell), grip: Some(Grip::Command("npm install".into())) }
}

fn began(fresh: Option<&str>) -> NoteKind {
    NoteKind::Began { session: "0b1f".into(), resumed: false, fresh: fresh.map(str::to_owned), model: None }
}

/// Agent A asks two things; agent B could not go on in its session, and is told something.
fn talking() -> Run {
    let mut run = start();
    let from = run.lines.len();
    note(&mut run, "agent-a-001", began(None));
    note(&mut run, "agent-b-001", began(Some("its session was too full")));
    asks(&mut run, "agent-a-001", 1, AskKind::Permission, "npm install left-pad", Some(installs()));
    asks(&mut run, "agent-a-001", 2, AskKind::Question, "Which year do you mean?\u{1b}[31m", None);
    run.command(Command::Steer {
        task: "agent-b-001".into(),
        text: "leave the tables out".into(),
        now: false,
    });
    run.lines.drain(..from);
    run
}

/// What it asked is answered, and what was granted is not asked again; B's program is not there.
fn answered() -> Run {
    let mut run = talking();
    let ids: Vec<_> = run.state.open_approvals().map(|(id, _)| id.clone()).collect();
    run.command(Command::Approve { approval: ids[0].clone(), note: None, seen: None, reach: Reach::Run });
    run.command(Command::approve(ids[1].clone(), Some("2026")));
    asks(&mut run, "agent-a-001", 3, AskKind::Permission, "npm install right-pad", Some(installs()));
    asks(&mut run, "agent-a-001", 4, AskKind::Permission, "curl example.org", None);
    note(&mut run, "agent-a-001", NoteKind::AskExpired { ask: 4 });
    note(&mut run, "agent-a-001", NoteKind::HandedOver { session: "0b2f".into() });
    let (attempt, why) = (live(&run, "agent-b-001"), "the program is not installed: install it".to_owned());
    let failure = Some(SessionFailure { class: FailureClass::OtherRuntime, why });
    let session = Some(Box::new(SessionEnd { failure, ..SessionEnd::default() }));
    let ended = Ended {
        exit: Exit::Code(1),
        given: Given::Nothing,
        wall_ms: 10,
        usage: Usage::default(),
        leaked: 0,
        record: None,
        session,
        outside: vec![],
    };
    run.input(Input::Reported(Report::AttemptEnded { attempt, ended }));
    run
}

#[test]
fn the_inbox_says_how_each_question_is_answered() {
    let run = talking();
    let now = run.now.plus_ms(60_000);
    let all = inbox::waiting(&model::run_view(&run.state), now);
    assert_snapshot!("inbox", inbox::text(&all, 100));
    assert_eq!(inbox::text(&[], 100), "Nothing waits for a person.\n");
    let json = serde_json::to_value(&all).expect("plain data");
    assert_eq!((&json[0]["kind"], &json[1]["kind"]), (&"permission".into(), &"question".into()));
    assert_eq!(json[0]["step"], "create");
    assert!(json[1]["command"].as_str().is_some_and(|c| c.starts_with("consort answer ")), "{json}");
}

#[test]
fn what_was_said_and_done_is_told_everywhere() {
    let run = answered();
    assert_snapshot!("talk-lines", run.lines.join("\n"));
    let view = model::run_view(&run.state);
    let tracker = view::state_files(&run.state).tracker_md;
    let part = |title: &str| {
        let from = tracker.find(title).unwrap_or_else(|| panic!("no {title}"));
        let text = &tracker[from..];
        text[..text[1..].find("\n#").map_or(text.len(), |n| n + 1)].to_owned()
    };
    assert_snapshot!("talk-tracker", part("### Agents and sessions") + &part("### Granted"));
    let a = view.task("agent-a-001").expect("a task");
    let b = view.task("agent-b-001").expect("a task");
    assert_eq!((a.live[0].session.as_deref(), a.live[0].asks.len()), (Some("0b2f"), 0));
    assert_eq!(b.live[0].fallback, Some(1));
    let text = view::task_text(&view, b, run.now, 100);
    assert!(text.contains("create: fallback 1 takes over: the program is not installed"), "{text}");
    let waits = model::run_view(&talking().state);
    let waits = &waits.task("agent-a-001").expect("a task").activity;
    assert!(waits.ends_with("waits for A-004 and 1 more"), "{waits}");
}
