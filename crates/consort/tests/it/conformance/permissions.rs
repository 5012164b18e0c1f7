//! What an agent may, what it must ask for, and who answers.

use super::Runtime;
use super::lab::RUN;
use super::stage::{Act, Stage, WORKER};
use consort_testing::model::{Reply, Rule, Rules, Scenario};
use serde_json::json;

const ASK: &str = ", policy: {ask: [shell]}";

/// Runs these commands, then writes the file.
fn runs(prompt: &str, path: &str, commands: &[&str]) -> Rule {
    let run = |rule: Rule, line: &&str| rule.reply(Reply::call("@shell", json!({ "command": line })));
    commands
        .iter()
        .fold(Rule::prompt(prompt), run)
        .reply(Reply::call("@write", json!({ "path": path, "content": "# A note\n" })))
        .reply(Reply::text("Written."))
}

fn asking(runtime: Runtime, keys: &str, commands: &[&str]) -> Stage {
    let model = Some(Rules::of([runs("Write a note.", "out/note.md", commands)]).into());
    Stage::of(runtime, Act { keys: keys.into(), model, ..Act::default() })
}

pub(super) fn asks_and_hears_yes(runtime: Runtime) {
    let stage = asking(runtime, ASK, &["touch out.txt"]);
    let mut runner = stage.lab.begin();
    stage.lab.until(RUN, "approval_requested");
    assert!(!stage.lab.workspace("note--1").join("out.txt").exists(), "it did not wait");
    stage.orders(&["approve", RUN, &stage.question()]);
    runner.wait().unwrap();
    assert!(stage.transcript().contains("? Bash touch out.txt"), "{}", stage.transcript());
    let asked = stage.lab.server.requests();
    let result = asked.iter().filter_map(|r| r.tool_result()).next().unwrap();
    assert!(!result.failed, "the command ran: {result:?}");
    stage.over();
}

pub(super) fn asks_and_hears_no(runtime: Runtime) {
    let stage = asking(runtime, ASK, &["touch no.txt"]);
    let mut runner = stage.lab.begin();
    stage.lab.until(RUN, "approval_requested");
    stage.orders(&["reject", RUN, &stage.question(), "-m", "write only the note"]);
    assert!(runner.wait().unwrap().success(), "{}", stage.journal());
    assert!(stage.transcript().contains("! a person says no: write only the note"), "{}", stage.transcript());
    let asked = stage.lab.server.requests();
    let told = |r: &std::sync::Arc<consort_testing::model::ModelRequest>| {
        r.tool_result().is_some_and(|m| m.text.contains("write only the note"))
    };
    assert!(asked.iter().any(told), "the model was not told");
    stage.over();
}

/// Two tasks that want the same twice, and a yes that reaches so far.
fn twice(runtime: Runtime, reach: &str, asks: usize) {
    let same = &["touch again", "touch again"];
    let rules = [runs("Write more.", "out/more.md", same), runs("Write a note.", "out/note.md", same)];
    let act =
        Act { keys: ASK.into(), model: Some(Rules::of(rules).into()), and_another: true, ..Act::default() };
    let stage = Stage::of(runtime, act);
    let mut runner = stage.lab.begin();
    for nth in 1..=asks {
        stage.lab.until_times(RUN, "approval_requested", nth);
        stage.orders(&["approve", RUN, &stage.question(), "--for", reach]);
        stage.lab.until_times(RUN, "\"permission_granted\"", nth);
    }
    // What it leaves beside the note is no matter here.
    runner.wait().unwrap();
    assert_eq!(stage.count("\"approval_requested\""), asks, "{}", stage.journal());
    let ran = |r: &&std::sync::Arc<consort_testing::model::ModelRequest>| {
        r.tool_result().is_some_and(|m| !m.failed)
    };
    assert!(stage.lab.server.requests().iter().filter(ran).count() >= 4);
    stage.over();
}

pub(super) fn yes_for_the_task(runtime: Runtime) {
    twice(runtime, "task", 2);
}

pub(super) fn yes_for_the_run(runtime: Runtime) {
    twice(runtime, "run", 1);
}

pub(super) fn nobody_answers(runtime: Runtime) {
    let stage = asking(runtime, ", policy: {ask: [shell], ask_timeout: 1s}", &["touch late.txt"]);
    stage.runs(0);
    assert!(stage.journal().contains("ask_expired"), "{}", stage.journal());
    stage.over();
}

pub(super) fn asks_in_words(runtime: Runtime) {
    let asks = Rule::prompt("Write a note.")
        .reply(Reply::call(
            "AskUserQuestion",
            json!({ "questions": [{ "question": "Which door?", "header": "Door", "multiSelect": false,
                "options": [{ "label": "Red", "description": "r" }, { "label": "Blue", "description": "b" }] }] }),
        ))
        .reply(Reply::call("@write", json!({ "path": "out/note.md", "content": "# The red door\n" })))
        .reply(Reply::text("Written."));
    let stage = Stage::of(runtime, Act { model: Some(Rules::of([asks]).into()), ..Act::default() });
    let mut runner = stage.lab.begin();
    stage.lab.until(RUN, "approval_requested");
    stage.orders(&["answer", RUN, &stage.question(), "the red one"]);
    assert!(runner.wait().unwrap().success(), "{}", stage.journal());
    assert!(stage.transcript().contains("the red one"), "{}", stage.transcript());
    stage.over();
}

pub(super) fn denied_by_rule(runtime: Runtime) {
    let stage = asking(runtime, ", policy: {deny: [shell(touch)]}", &["touch denied.txt"]);
    stage.runs(0);
    assert!(stage.transcript().contains("denies shell `touch`"), "{}", stage.transcript());
    assert_eq!(stage.count("\"approval_requested\""), 0);
    stage.over();
}

pub(super) fn writes_outside(runtime: Runtime) {
    let outside = tempfile::tempdir().unwrap();
    let file = outside.path().join("outside.txt").display().to_string();
    let tries = Rule::prompt("Write a note.")
        .reply(Reply::call("@write", json!({ "path": file, "content": "x" })))
        .reply(Reply::call("@shell", json!({ "command": format!("echo x > {file}") })))
        .reply(Reply::call(
            "@shell",
            json!({ "command": format!("cd {} && touch outside.txt", outside.path().display()) }),
        ))
        .reply(Reply::text("All done."));
    let stage = Stage::of(runtime, Act { model: Some(Rules::of([tries]).into()), ..Act::default() });
    // It ends well by its own account, and the note is missing.
    stage.runs(3);
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0, "something was written");
    assert!(stage.transcript().matches("! refused: ").count() >= 3, "{}", stage.transcript());
    assert!(stage.journal().contains("refused"), "{}", stage.journal());
    stage.over();
}

/// A program that the shell starts may write anywhere: what it did is told afterwards.
pub(super) fn changes_outside(runtime: Runtime) {
    let place = std::sync::Arc::new(std::sync::OnceLock::<String>::new());
    let known = place.clone();
    let model = Scenario::code(move |request| {
        let line = format!("python3 -c \"open('{}/planted.txt', 'w').write('x')\"", known.get().unwrap());
        match request.turn() {
            0 => Reply::call("@shell", json!({ "command": line })),
            1 => Reply::call("@write", json!({ "path": "out/note.md", "content": "# A note\n" })),
            _ => Reply::text("Written."),
        }
    });
    let script = Some(format!("echo x > DIR/repo/planted.txt\n{WORKER}"));
    let stage = Stage::of(runtime, Act { model: Some(model), script, ..Act::default() });
    place.set(stage.lab.world.repo().display().to_string()).unwrap();
    stage.runs(0);
    assert!(
        stage.lab.world.repo().join("planted.txt").exists(),
        "nothing was planted: {}",
        stage.transcript()
    );
    let journal = stage.journal();
    let told = journal.lines().any(|l| l.contains("\"outside\":[") && l.contains("planted.txt"));
    assert!(told, "{journal}");
    stage.over();
}

pub(super) fn other_agents(runtime: Runtime) {
    let line = "claude -p 'do it for me'";
    let stage = asking(runtime, "", &[line, "env claude -p x", "npx --offline codex exec x"]);
    stage.runs(0);
    assert_eq!(stage.transcript().matches("! refused: ").count(), 3, "{}", stage.transcript());
    let offered = stage.lab.server.requests().iter().any(|r| r.offers("Task") || r.offers("Agent"));
    assert!(!offered, "a tool that starts agents is offered");
    stage.over();
}
