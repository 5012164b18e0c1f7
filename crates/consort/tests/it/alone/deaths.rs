//! It dies on the way, and the answer is the same.

use super::{JUDGE, QUOTE, Scene, steps};
use crate::support::Said;
use consort_core::ids::Step;
use consort_core::run::EventKind as E;
use consort_worker::drill::{CRASH_AT, CRASH_ONCE};
use std::fs;

#[test]
fn a_killed_one_is_resumed_to_the_same_answer() {
    let scene = Scene::new();
    let slow = format!("sleep 2\n{JUDGE}");
    fs::write(scene.world.path("judge.sh"), slow).unwrap();
    let file = scene.judged("0.80", "0.80", QUOTE);
    let mut child = scene.world.spawn_quiet(&["score", "docs/choice.md", "--workflow", &file]);
    let runs = scene.world.repo().join(".consort/runs");
    let begun = || fs::read_dir(&runs).ok()?.flatten().next()?.file_name().into_string().ok();
    let began = std::time::Instant::now();
    let run = loop {
        match begun() {
            Some(run) => break run,
            None => assert!(began.elapsed().as_secs() < 30, "no run begins"),
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    scene.world.until_running(&run);
    child.kill().unwrap();
    child.wait().unwrap();
    let status = scene.say(&["status", &run]);
    assert!(status.stdout.contains(&format!("consort resume {run}")), "{}", status.stdout);
    assert!(scene.say(&["list"]).stdout.contains("nobody drives it: consort resume"));
    let said = scene.say(&["resume", &run]);
    assert_eq!(said.code, 1, "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("DOES NOT PASS") && said.stdout.contains("0.80 of 0.92"), "{}", said.stdout);
    let events = scene.events(&run);
    assert_eq!(steps(&events), ["judge"], "the judge that went on is not asked twice");
    assert!(!events.iter().any(|e| matches!(e, E::AttemptEnded { leaked, .. } if *leaked > 0)));
    let creators = |e: &E| matches!(e, E::AttemptStarting { attempt, .. } if attempt.step == Step::Create);
    assert!(!events.iter().any(creators));
    scene.holds(&run);
}

#[test]
fn wherever_it_dies_it_ends_with_the_same_answer() {
    for site in [
        "journal.append.before:1",
        "journal.append.after:1",
        "store.put.before:2",
        "journal.append.before:2",
        "journal.append.after:2",
        "launch.spec.after:1",
        "launch.spawn.after:1",
        "supervisor.claim.after:1",
        "supervisor.record.before:1",
        "journal.append.after:3",
    ] {
        let scene = Scene::new();
        let file = scene.judged("0.80", "0.80", QUOTE);
        let died = scene.world.path("died");
        let mut first = scene.world.command(&["score", "docs/choice.md", "--workflow", &file]);
        let first = Said::of(first.env(CRASH_AT, site).env(CRASH_ONCE, &died).output().unwrap());
        assert!(died.exists(), "{site} was never reached: {}", first.stdout);
        let begun = scene.say(&["list", "--json"]).json()["runs"].clone();
        let run = begun[0]["run"].as_str().unwrap_or_default().to_owned();
        // A supervisor that dies is its runner's business; one that never began is begun again.
        let last = match (first.code, begun[0]["status"].as_str()) {
            (1, _) => first,
            (_, Some("UNREADABLE") | None) => scene.say(&["score", "docs/choice.md", "--workflow", &file]),
            _ => scene.say(&["resume", &run]),
        };
        assert_eq!(last.code, 1, "{site}: {}{}", last.stdout, last.stderr);
        assert!(last.stdout.contains("0.80 of 0.92, by one judge"), "{site}: {}", last.stdout);
        let all = scene.say(&["list", "--json"]).json()["runs"].clone();
        scene.holds(all.as_array().unwrap().last().unwrap()["run"].as_str().unwrap());
    }
}
