//! The rules of the house, as far as a machine can see them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Source files below a folder of the repository, with their text.
fn sources(below: &str) -> Vec<(String, String)> {
    fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(dir).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                found.push(path);
            }
        }
    }
    let root = root();
    let mut found = Vec::new();
    walk(&root.join(below), &mut found);
    found.sort();
    let named = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        (path.strip_prefix(&root).unwrap().to_string_lossy().into_owned(), text)
    };
    found.into_iter().map(named).collect()
}

/// Lines of a file that are no comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().filter(|(_, l)| !l.trim_start().starts_with("//")).map(|(n, l)| (n + 1, l))
}

fn assert_none(what: &str, places: Vec<String>) {
    assert!(places.is_empty(), "{what}:\n  {}", places.join("\n  "));
}

fn occurrences(below: &str, words: &[&str], except: &[&str]) -> Vec<String> {
    let mut places = Vec::new();
    for (path, text) in sources(below) {
        if except.iter().any(|e| path.ends_with(e)) {
            continue;
        }
        for (line, code) in code(&text) {
            if let Some(word) = words.iter().find(|w| code.contains(**w)) {
                places.push(format!("{path}:{line}: {word}"));
            }
        }
    }
    places
}

/// Names under `[dependencies]` of a crate.
fn dependencies(krate: &str) -> BTreeSet<String> {
    let text = std::fs::read_to_string(root().join("crates").join(krate).join("Cargo.toml")).unwrap();
    let section = text.split("[dependencies]").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    let name = |line: &str| line.split(['.', ' ', '=']).next().map(str::to_owned).filter(|n| !n.is_empty());
    section.lines().filter(|l| !l.trim_start().starts_with('#')).filter_map(name).collect()
}

#[test]
fn core_depends_on_nothing_that_acts() {
    let allowed = [
        "annotate-snippets",
        "globset",
        "jiff",
        "minijinja",
        "schemars",
        "serde",
        "serde-saphyr",
        "serde_json",
        "strsim",
        "thiserror",
        "unicode-width",
    ];
    let found = dependencies("consort-core");
    assert_none(
        "core may not depend on",
        found.iter().filter(|d| !allowed.contains(&d.as_str())).cloned().collect(),
    );
}

#[test]
fn dependencies_point_downwards() {
    for (krate, never) in [
        ("consort-worker", &["consort-local", "consort", "rusqlite", "clap"][..]),
        ("consort-local", &["consort", "clap", "ratatui", "axum"][..]),
    ] {
        let found = dependencies(krate);
        assert_none(
            &format!("{krate} may not depend on"),
            never.iter().filter(|d| found.contains(**d)).map(|d| (*d).to_owned()).collect(),
        );
    }
}

#[test]
fn core_sees_no_world() {
    let world = [
        "std::fs",
        "std::process",
        "std::env::",
        "std::net",
        "std::io",
        "std::thread",
        "SystemTime",
        "Instant::now",
        "tokio",
        "async fn",
        "Timestamp::now",
        "Zoned::now",
        "println!",
        "eprintln!",
    ];
    assert_none("core must not name", occurrences("crates/consort-core/src", &world, &[]));
}

#[test]
fn vendors_are_named_only_where_agents_are_spoken_to() {
    let vendors = [
        "claude",
        "Claude",
        "codex",
        "Codex",
        "gemini",
        "Gemini",
        "opencode",
        "OpenCode",
        "anthropic",
        "openai",
    ];
    assert_none("core must not name a vendor", occurrences("crates/consort-core/src", &vendors, &[]));
    assert_none("the host must not name a vendor", occurrences("crates/consort-local/src", &vendors, &[]));
}

#[test]
fn events_are_matched_in_the_brain_and_the_view_only() {
    for below in ["crates/consort/src", "crates/consort-worker/src"] {
        assert_none("events are matched outside `run` and `view`", occurrences(below, &["EventKind::"], &[]));
    }
    let host = occurrences("crates/consort-local/src", &["EventKind::"], &[]);
    // Checking a journal against its promises is reading it, not deciding.
    let host = host.into_iter().filter(|p| !p.contains("/verify/") && !p.contains("/journal/")).collect();
    assert_none("events are matched in the host", host);
}

#[test]
fn agents_do_not_see_the_state_of_the_run() {
    assert_none(
        "agents see the run's state",
        occurrences("crates/consort-worker/src/agents", &["run::State", "run::wanted", "run::step"], &[]),
    );
}

#[test]
fn processes_start_in_known_places_only() {
    let places = occurrences("crates", &["process::Command", "Command::new("], &[]);
    let known = [
        "consort-worker/src/processes/spawn.rs",
        "consort-worker/src/workspace/git.rs",
        // Below the driver of a session, and versions of programs.
        "consort-worker/src/processes/child.rs",
        // A rehearsal's misbehaviour: a daemon that escapes.
        "consort-worker/src/agents/rehearsal/os.rs",
        // Tests and benchmarks start the real thing.
        "/tests/",
        "consort-testing/",
    ];
    let stray =
        places.into_iter().filter(|p| !known.iter().any(|k| p.contains(k)) && !p.contains("tests.rs"));
    assert_none("a process is started outside its door", stray.collect());
}

#[test]
fn nothing_is_left_undone_or_skipped() {
    let marks = ["todo!(", "unimplemented!(", "#[ignore", "FIXME", "XXX", "dbg!("];
    let left = occurrences("crates", &marks, &["house.rs"]);
    // The other half of a test that needs a process of its own.
    // And the rule that looks for such marks in documents.
    let known = ["workspaces/crashes.rs:", "it/planted.rs:", "lint/placeholder.rs:"];
    let left = left.into_iter().filter(|place| !known.iter().any(|known| place.contains(known)));
    assert_none("left in the source", left.collect());
    assert_none(
        "unsafe code",
        occurrences("crates", &["unsafe {", "unsafe fn", "unsafe impl"], &["house.rs"]),
    );
}

#[test]
fn files_stay_readable() {
    let long = |(path, text): (String, String)| {
        let lines = text.lines().count();
        (lines > 800 && !text.contains("Long because")).then(|| format!("{path}: {lines} lines"))
    };
    assert_none(
        "over 800 lines without a stated reason",
        sources("crates").into_iter().filter_map(long).collect(),
    );
}

#[test]
fn the_readme_names_the_command_that_ci_runs() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let ci = std::fs::read_to_string(root().join(".ci/run")).unwrap();
    for command in ["cargo run --release -- demo", "cargo nextest run --workspace"] {
        assert!(readme.contains(command), "README.md does not name `{command}`");
    }
    assert!(ci.contains("cargo nextest run --workspace"), ".ci/run does not call the README's test command");
}

#[test]
fn no_path_of_one_machine_is_in_the_repository() {
    let places = occurrences("crates", &["/ro\u{6f}t/", "/w\u{6f}rk/", "/Us\u{65}rs/"], &["house.rs"]);
    assert_none("a machine's path", places);
}
