//! What waits for people, over all runs, and words for agents: the real binary.

use crate::real::look::records;
use crate::support::World;
use consort_core::run::EventKind as E;
use std::fs;

const RUN: &str = "small-20260220-001";

#[test]
fn the_inbox_lists_what_waits_in_all_runs() {
    let world = World::waiting();
    let said = world.consort(&["inbox"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(said.stdout.starts_with("1 question for a person:\n"), "{}", said.stdout);
    assert!(said.stdout.contains(&format!("A-001 of {RUN}: task second, asked ")), "{}", said.stdout);
    assert!(said.stdout.contains(&format!("  consort approve {RUN} A-001@")), "{}", said.stdout);
    let json = world.consort(&["inbox", "small", "--json"]).json()["questions"].clone();
    assert_eq!((&json[0]["run"], &json[0]["id"]), (&RUN.into(), &"A-001".into()));
    assert!(json[0]["command"].as_str().is_some_and(|c| c.starts_with("consort approve ")), "{json}");
    assert!(json[0]["age_ms"].is_u64(), "{json}");

    // One damaged journal does not hide the others.
    let broken = world.repo().join(".consort/runs/broken-20260220-001");
    fs::create_dir_all(&broken).unwrap();
    fs::write(broken.join("journal.db"), "no journal").unwrap();
    let said = world.consort(&["inbox"]);
    assert!(said.stdout.contains("A-001 of") && said.stderr.contains("run broken-20260220-001 is left out"));
    assert_ne!(world.consort(&["inbox", "broken"]).code, 0);

    assert_eq!(world.consort(&["approve", "small", "A-001"]).code, 0);
    world.consort(&["resume", "small"]);
    assert_eq!(world.consort(&["inbox", "small"]).stdout, "Nothing waits for a person.\n");
}

#[test]
fn an_inbox_without_runs_is_empty() {
    let said = World::plain().consort(&["inbox"]);
    assert_eq!((said.code, said.stdout.as_str()), (0, "Nothing waits for a person.\n"));
}

#[test]
fn words_are_for_those_who_ask_for_words() {
    let world = World::waiting();
    let said = world.consort(&["answer", "small", "A-001", "yes", "please"]);
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("A-001 asks for yes or no, not for words"), "{}", said.stderr);
    assert!(said.stderr.contains(&format!("consort approve {RUN} A-001")), "{}", said.stderr);
    let said = world.consort(&["approve", "small", "A-001", "--for", "run"]);
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("cannot be granted for more than this call"), "{}", said.stderr);
    assert_eq!(world.consort(&["approve", "small", "A-001", "--for", "ever"]).code, 2);
    assert_eq!(world.consort(&["answer", "small", "A-009", "x"]).code, 2);
}

#[test]
fn a_word_for_a_task_is_told_to_its_next_creator() {
    let world = World::waiting();
    let over = world.consort(&["steer", "small", "first", "shorter"]);
    assert_eq!(over.code, 2);
    assert!(over.stderr.contains("first is over"), "{}", over.stderr);
    assert_eq!(world.consort(&["steer", "small", "third", "x"]).code, 2);
    assert_eq!(world.consort(&["steer", "small", "second"]).code, 2, "without words");
    let said = world.consort(&["steer", "small", "second", "leave", "the tables out"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(
        said.stdout.contains("it acts") || said.stdout.contains("acts when the run goes on"),
        "{}",
        said.stdout
    );
    assert_eq!(world.consort(&["reject", "small", "A-001", "-m", "again"]).code, 0);
    assert_eq!(world.consort(&["resume", "small"]).code, 3, "it waits for the next approval");
    let all = records(&world.repo().join(".consort/runs").join(RUN));
    let told = all.iter().flat_map(|r| &r.events).any(|e| {
        matches!(&e.kind, E::TaskSteered { text, by, .. } if text == "leave the tables out" && by == "ada")
    });
    assert!(told);
    let shown = world.consort(&["show", "small", "second"]).stdout;
    assert!(shown.contains("leave the tables out"), "{shown}");
    let logs = world.consort(&["logs", "small"]).stdout;
    assert!(logs.contains("ada says to whoever works on it next: leave the tables out"), "{logs}");
}
