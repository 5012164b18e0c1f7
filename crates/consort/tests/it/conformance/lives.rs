//! Beginnings, interruptions and ends.

use super::Runtime;
use super::lab::RUN;
use super::stage::{Act, Stage, WORKER, good, good_reply, nonce};
use consort_testing::model::{ModelRequest, Reply, Rule, Rules, Scenario, Tokens};
use serde_json::json;

/// An agent that takes so long before it does its work.
fn slow(runtime: Runtime, ms: u32) -> Stage {
    let model = Scenario::code(move |request| {
        let first = request.turn() == 0;
        match request.prompt().contains("Write more.") {
            true if first => Reply::call("@write", json!({ "path": "out/more.md", "content": "# More\n" })),
            false if first => good_reply(runtime, request).after_ms(ms.into()),
            _ => good_reply(runtime, request),
        }
    });
    let misbehave: &'static str = match ms {
        0..10_000 => "create:1:slow-2500",
        _ => "create:1:hang",
    };
    let seconds = f64::from(ms) / 1000.0;
    let script = format!("sleep {seconds}\n{}", WORKER);
    let act = Act {
        model: Some(model),
        script: Some(script),
        misbehave: Some(misbehave),
        and_another: true,
        ..Act::default()
    };
    Stage::of(runtime, act)
}

/// Until the agent is at its work.
fn until_working(stage: &Stage) {
    match stage.runtime {
        Runtime::Claude | Runtime::Api => stage.lab.until_asked(1),
        Runtime::Command | Runtime::Rehearsal => stage.lab.until(RUN, "\"attempt_started\""),
    }
}

pub(super) fn adopted(runtime: Runtime) {
    let stage = slow(runtime, 2500);
    let mut runner = stage.lab.begin();
    until_working(&stage);
    runner.kill().unwrap();
    runner.wait().unwrap();
    stage.orders(&["resume", RUN, "--approve", "all"]);
    assert!(stage.journal().contains("attempt_adopted"), "{}", stage.journal());
    assert_eq!(stage.attempts(), 1, "started once: {}", stage.journal());
    stage.over();
}

pub(super) fn paused(runtime: Runtime) {
    let stage = slow(runtime, 2500);
    let mut runner = stage.lab.begin();
    until_working(&stage);
    stage.orders(&["pause", RUN]);
    assert_eq!(runner.wait().unwrap().code(), Some(3), "{}", stage.journal());
    let journal = stage.journal();
    assert!(journal.contains("run_paused"), "{journal}");
    assert!(!journal.contains("\"more/"), "something new was started: {journal}");
    stage.orders(&["resume", RUN, "--approve", "all"]);
    assert_eq!(stage.attempts(), 1, "{}", stage.journal());
    assert_eq!(stage.count("\"task_accepted\""), 2, "{}", stage.journal());
    stage.over();
}

pub(super) fn cancelled(runtime: Runtime) {
    let stage = slow(runtime, 120_000);
    let mut runner = stage.lab.begin();
    until_working(&stage);
    let began = std::time::Instant::now();
    stage.orders(&["cancel", RUN]);
    assert_eq!(runner.wait().unwrap().code(), Some(1), "{}", stage.journal());
    assert!(began.elapsed().as_secs() < 15, "{:?}", began.elapsed());
    assert!(stage.journal().contains("run_cancelling"), "{}", stage.journal());
    // What it said until then is kept.
    if matches!(runtime, Runtime::Claude) {
        assert!(stage.journal().contains("\"transcript\":\""), "{}", stage.journal());
    }
    stage.over();
}

/// The files of all sessions.
fn sessions(stage: &Stage) -> Vec<std::path::PathBuf> {
    let within = |dir: std::path::PathBuf| {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let homes = within(stage.lab.state().join("homes")).into_iter();
    let projects = homes.flat_map(|home| within(home.join(".claude/projects")));
    projects.flat_map(within).filter(|path| path.extension().is_some_and(|end| end == "jsonl")).collect()
}

/// Until the session's own file says this: Claude Code writes it a moment after it happened; a call whose result is not
/// there yet is lost with it.
fn until_on_disk(stage: &Stage, what: &str) {
    let began = std::time::Instant::now();
    let says = |path: &std::path::PathBuf| {
        std::fs::read(path).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains(what))
    };
    while !sessions(stage).iter().any(says) {
        assert!(began.elapsed().as_secs() < 30, "the session never wrote of `{what}`");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

/// Everything is killed in the middle of a session; what the model is asked afterwards.
fn after_a_crash(runtime: Runtime, meanwhile: impl FnOnce(&Stage)) -> Stage {
    let model = Scenario::code(|request| match request.turn() {
        0 => Reply::call("@write", json!({ "path": "out/draft.md", "content": "# A draft\n" })),
        _ => Reply::text("never").after_ms(120_000),
    });
    let stage = Stage::of(runtime, Act { model: Some(model), ..Act::default() });
    let mut runner = stage.lab.begin();
    stage.lab.until(RUN, "\"began\"");
    stage.lab.until_asked(2);
    until_on_disk(&stage, "created successfully at");
    runner.kill().unwrap();
    runner.wait().unwrap();
    stage.lab.kill_all();
    meanwhile(&stage);
    stage.lab.server.play(good(runtime));
    stage.orders(&["resume", RUN, "--approve", "all"]);
    assert_eq!(stage.attempts(), 2, "{}", stage.journal());
    stage
}

pub(super) fn resumed(runtime: Runtime) {
    let stage = after_a_crash(runtime, |_| {});
    assert!(stage.journal().contains("\"resumed\":true"), "{}", stage.journal());
    let remembers = |r: &std::sync::Arc<ModelRequest>| r.body.to_string().contains("draft.md");
    assert!(stage.lab.server.requests().iter().any(remembers), "the session forgot what it did");
    stage.over();
}

/// What was said in the first round is known in the second: else that one would not be better.
pub(super) fn forked(runtime: Runtime) {
    let model = Scenario::code(|request| {
        if request.offers("StructuredOutput") {
            return Reply::structured(
                json!({ "nonce": nonce(request), "findings": [], "summary": "Looked over.",
                "responses": [] }),
            );
        }
        let line = match request.whole().contains("I was brief.") {
            false => "",
            true => "Better.\n",
        };
        let text = format!("# A note\n\nThe first option costs less in every year.\n{line}");
        match request.turn() {
            0 => Reply::call("@write", json!({ "path": "out/note.md", "content": text })),
            _ => Reply::text("I was brief."),
        }
    });
    let stage = Stage::of(runtime, Act { model: Some(model), judged: true, ..Act::default() });
    stage.runs(0);
    let journal = stage.journal();
    let began: Vec<&str> = journal
        .lines()
        .filter_map(|l| l.split_once("\"began\":{\"session\":\""))
        .map(|(_, l)| &l[..36])
        .collect();
    let [first, of_first, second, of_second] = began[..] else { panic!("{began:?}") };
    assert!(first == of_first && second == of_second && first != second, "one for each round: {began:?}");
    let copied = format!("\"resume\":\"{first}\",\"fork\":true");
    assert_eq!(journal.matches(&copied).count(), 1, "{journal}");
    stage.over();
}

pub(super) fn lost_session(runtime: Runtime) {
    let stage = after_a_crash(runtime, |stage| {
        let mut lost = 0;
        for home in std::fs::read_dir(stage.lab.state().join("homes")).unwrap().flatten() {
            let sessions = home.path().join(".claude/projects");
            lost += usize::from(std::fs::remove_dir_all(sessions).is_ok());
        }
        assert!(lost > 0, "no session was kept");
    });
    let journal = stage.journal();
    assert!(journal.contains("\"fresh\":\"the last session cannot be gone on in"), "{journal}");
    assert!(!journal.contains("\"resumed\":true"), "{journal}");
    stage.over();
}

pub(super) fn killed(runtime: Runtime) {
    let daemon = "setsid sh -c 'sleep 300 & echo $$ > daemon; exec sleep 300' & sleep 300";
    let hang = Rule::prompt("Write a note.").reply(Reply::call("@shell", json!({ "command": daemon })));
    let act = Act {
        keys: ", timeout: 4s".into(),
        model: Some(Rules::of([hang]).into()),
        script: Some(daemon.into()),
        misbehave: Some("create:*:daemonise"),
        ..Act::default()
    };
    let stage = Stage::of(runtime, act);
    // A player leaves its daemon behind and goes on: that is no failure of the work.
    stage.runs(if runtime == Runtime::Rehearsal { 0 } else { 3 });
    match runtime {
        Runtime::Rehearsal => assert!(stage.journal().contains("\"leaked\":1"), "{}", stage.journal()),
        _ => assert!(stage.lab.workspace("note--1").join("daemon").exists(), "the daemon had begun"),
    }
    stage.over();
}

pub(super) fn full_context(runtime: Runtime) {
    let full = Reply::call("@shell", json!({ "command": "sleep 2" }))
        .using(Tokens { input: 181_000, ..Tokens::default() });
    let rules = [
        Rule::prompt("Another session began this work")
            .reply(Reply::call("@write", json!({ "path": "out/note.md", "content": "# A note\n" })))
            .reply(Reply::text("Written.")),
        Rule::prompt("your context is nearly full").reply(Reply::text("Nothing is written yet.")),
        Rule::prompt("Write a note.").reply(full),
    ];
    // A model whose context has 200,000 tokens.
    let act =
        Act { keys: ", model: nobody-1".into(), model: Some(Rules::of(rules).into()), ..Act::default() };
    let stage = Stage::of(runtime, act);
    stage.runs(0);
    let journal = stage.journal();
    assert!(journal.contains("emergency") && journal.contains("handed_over"), "{journal}");
    assert!(journal.contains("context of note at 90 %"), "a checkpoint is made: {journal}");
    let summary = |request: &std::sync::Arc<ModelRequest>| {
        request.whole().contains("data summary of the last session\nNothing is written yet.")
    };
    assert!(stage.lab.server.requests().iter().any(summary), "the fresh session never saw it");
    stage.over();
}
