//! What an agent may, what it must ask for, and who answers.

use super::{Lab, RUN, writes};
use consort_testing::model::{Reply, Rule};
use serde_json::json;

const ASK: &str = ", policy: {ask: [shell]}";

/// Touches a file by a command, then writes the note.
fn touches(file: &str) -> Rule {
    Rule::prompt("Write a note.")
        .reply(Reply::call("@shell", json!({ "command": format!("touch {file}") })))
        .reply(Reply::call("@write", json!({ "path": "out/note.md", "content": "# A note\n" })))
        .reply(Reply::text("Written."))
}

fn question(lab: &Lab) -> String {
    let open = lab.consort(&["inbox", RUN, "--json"]).json();
    open[0]["id"].as_str().unwrap_or_else(|| panic!("nobody asks: {open}")).to_owned()
}

#[test]
fn a_yes_lets_a_command_run_and_a_no_steers() {
    let Some(lab) = Lab::of_one(ASK, "Write a note.", vec![touches("yes.txt")]) else { return };
    let mut runner = lab.begin();
    lab.until(RUN, "approval_requested");
    let said = lab.consort(&["approve", RUN, &question(&lab)]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    runner.wait().unwrap();
    let said = lab.consort(&["transcript", RUN, "note"]);
    assert!(said.stdout.contains("? Bash touch yes.txt"), "{}", said.stdout);
    lab.nothing_is_left();

    let Some(lab) = Lab::of_one(ASK, "Write a note.", vec![touches("no.txt")]) else { return };
    let mut runner = lab.begin();
    lab.until(RUN, "approval_requested");
    let said = lab.consort(&["reject", RUN, &question(&lab), "-m", "write only the note"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    assert!(runner.wait().unwrap().success(), "{}", lab.journal(RUN));
    let said = lab.consort(&["transcript", RUN, "note"]);
    assert!(said.stdout.contains("! a person says no: write only the note"), "{}", said.stdout);
    lab.nothing_is_left();
}

#[test]
fn nobodys_answer_is_no_and_the_work_goes_on() {
    let policy = ", policy: {ask: [shell], ask_timeout: 1s}";
    let Some(lab) = Lab::of_one(policy, "Write a note.", vec![touches("late.txt")]) else { return };
    let said = lab.run();
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    assert!(lab.journal(RUN).contains("ask_expired"), "{}", lab.journal(RUN));
    lab.nothing_is_left();
}

#[test]
fn a_question_is_answered_in_words() {
    let asks = Rule::prompt("Write a note.")
        .reply(Reply::call(
            "AskUserQuestion",
            json!({ "questions": [{ "question": "Which door?", "header": "Door", "multiSelect": false,
                "options": [{ "label": "Red", "description": "r" }, { "label": "Blue", "description": "b" }] }] }),
        ))
        .reply(Reply::call("@write", json!({ "path": "out/note.md", "content": "# The red door\n" })))
        .reply(Reply::text("Written."));
    let Some(lab) = Lab::of_one("", "Write a note.", vec![asks]) else { return };
    let mut runner = lab.begin();
    lab.until(RUN, "approval_requested");
    let said = lab.consort(&["answer", RUN, &question(&lab), "the red one"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    assert!(runner.wait().unwrap().success(), "{}", lab.journal(RUN));
    let said = lab.consort(&["transcript", RUN, "note"]);
    assert!(said.stdout.contains("the red one"), "{}", said.stdout);
    lab.nothing_is_left();
}

#[test]
fn what_leaves_the_workspace_is_refused_by_every_tool_and_so_are_other_agents() {
    let Some(lab) = Lab::open(&super::one("", "Write a note."), |world| {
        let outside = world.path("outside.txt").display().to_string();
        let tries = Rule::prompt("Write a note.")
            .reply(Reply::call("@write", json!({ "path": outside, "content": "x" })))
            .reply(Reply::call("@shell", json!({ "command": format!("echo x > {outside}") })))
            .reply(Reply::call("@shell", json!({ "command": "claude -p 'do it for me'" })))
            .reply(Reply::call("@write", json!({ "path": "out/note.md", "content": "# A note\n" })))
            .reply(Reply::text("Written."));
        consort_testing::model::Rules::of([tries]).into()
    }) else {
        return;
    };
    let said = lab.run();
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    assert!(!lab.world.path("outside.txt").exists());
    let said = lab.consort(&["transcript", RUN, "note"]);
    assert_eq!(said.stdout.matches("! refused: ").count(), 3, "{}", said.stdout);
    lab.nothing_is_left();
}

#[test]
fn a_refused_permission_that_ends_well_is_told_where_the_file_is_missing() {
    let outside = Rule::prompt("Write a note.")
        .reply(Reply::call("@write", json!({ "path": "/etc/consort-test-note", "content": "x" })))
        .reply(Reply::text("All done."));
    let Some(lab) = Lab::of_one("", "Write a note.", vec![outside]) else { return };
    let said = lab.run();
    assert_eq!(said.code, 3, "{}{}", said.stdout, said.stderr);
    assert!(lab.journal(RUN).contains("refused"), "{}", lab.journal(RUN));
    assert!(!std::path::Path::new("/etc/consort-test-note").exists());
    lab.nothing_is_left();
    let _ = writes("");
}
