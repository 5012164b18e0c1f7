//! What a shell is told, and the man pages.

use crate::support::World;

/// What can stand in the place of the last word.
fn offered(world: &World, words: &[&str]) -> Vec<String> {
    let mut command = world.command(&["--", "consort"]);
    let out = command
        .args(words)
        .env("COMPLETE", "bash")
        .env("_CLAP_COMPLETE_INDEX", words.len().to_string())
        .env("_CLAP_COMPLETE_COMP_TYPE", "9")
        .env("_CLAP_IFS", "\n")
        .output()
        .unwrap();
    assert!(out.status.success() && out.stderr.is_empty(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap().lines().map(|line| line.trim_end().to_owned()).collect()
}

/// Names and sizes of everything below `.consort`.
fn all_files(world: &World) -> Vec<(std::path::PathBuf, u64)> {
    fn below(dir: &std::path::Path, found: &mut Vec<(std::path::PathBuf, u64)>) {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            let meta = entry.metadata().unwrap();
            found.push((entry.path(), meta.len()));
            if meta.is_dir() {
                below(&entry.path(), found);
            }
        }
    }
    let mut found = Vec::new();
    below(&world.repo(), &mut found);
    found.sort();
    found
}

#[test]
fn runs_tasks_questions_and_checkpoints_are_offered() {
    let world = World::waiting();
    let run = "small-20260220-001";
    let before = all_files(&world);
    assert_eq!(offered(&world, &["status", ""]).first().map(String::as_str), Some(run));
    assert_eq!(offered(&world, &["status", "sm"]), [run]);
    assert_eq!(offered(&world, &["status", "x"]), [""; 0]);
    assert_eq!(offered(&world, &["steer", run, "f"]), ["first"]);
    let tasks = offered(&world, &["show", run, ""]);
    assert!(tasks.contains(&"first".to_owned()) && tasks.contains(&"second".to_owned()), "{tasks:?}");
    assert_eq!(offered(&world, &["approve", run, "A"]), ["A-001"]);
    assert_eq!(offered(&world, &["rollback", run, "C"]), ["CP-001"]);
    assert_eq!(offered(&world, &["compare", run, "s"]), [run]);
    assert_eq!(offered(&world, &["roles", "jud"]), ["judge"]);
    assert_eq!(offered(&world, &["strategies", "S-01"]), ["S-010", "S-011", "S-012", "S-013", "S-014"]);
    assert_eq!(offered(&world, &["expl"]), ["explain"]);
    assert_eq!(all_files(&world), before, "nothing was written");
    // From elsewhere, and where there is nothing.
    let elsewhere = World::plain();
    let dir = world.repo();
    let named = offered(&elsewhere, &["-C", dir.to_str().unwrap(), "status", "s"]);
    assert_eq!(named, [run]);
    assert_eq!(offered(&elsewhere, &["status", "s"]), [""; 0]);
}

#[test]
fn damage_completes_to_less_and_says_nothing() {
    let world = World::waiting();
    let run = "small-20260220-001";
    let dir = world.repo().join(".consort/runs").join(run);
    std::fs::write(dir.join("ORCHESTRATION.yaml"), b"\xff\xfe: [\n- id:\n\0").unwrap();
    std::fs::write(dir.join("journal.db"), "rubbish").unwrap();
    assert_eq!(offered(&world, &["status", "s"]), [run]);
    assert_eq!(offered(&world, &["show", run, "f"]), [""; 0]);
    let said = world.command(&["--", "consort", ""]).env("COMPLETE", "nosuchshell").output().unwrap();
    assert!(said.status.success() && said.stdout.is_empty() && said.stderr.is_empty());
}

#[test]
fn every_shell_has_a_script_and_is_told_where_it_goes() {
    let world = World::plain();
    for (shell, says, place) in [
        ("bash", "complete ", "bash-completion"),
        ("zsh", "#compdef consort", "$fpath"),
        ("fish", "complete --keep-order", "config.fish".trim_start_matches("config.")),
        ("elvish", "edit:completion", "rc.elv"),
        ("powershell", "Register-ArgumentCompleter", "$PROFILE"),
    ] {
        let said = world.consort(&["completions", shell]);
        assert_eq!(said.code, 0, "{shell}: {}", said.stderr);
        assert!(said.stdout.contains(says) && said.stdout.contains(place), "{shell}: {}", said.stdout);
        assert!(said.stdout.contains("COMPLETE"), "{shell}: {}", said.stdout);
    }
    assert!(world.consort(&["completions", "zsh"]).stdout.starts_with("#compdef consort\n"));
    assert_eq!(world.consort(&["completions", "tcsh"]).code, 2);
}

#[test]
fn each_verb_has_a_page() {
    let world = World::plain();
    let said = world.consort(&["man", "pages"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    let dir = world.repo().join("pages");
    for page in ["consort.1", "consort-run.1", "consort-checkpoint-diff.1", "consort-man.1"] {
        let text =
            std::fs::read_to_string(dir.join(page)).unwrap_or_else(|_| panic!("{page}: {}", said.stdout));
        assert!(text.contains(".TH consort") && text.contains("SYNOPSIS"), "{text}");
    }
    let text = std::fs::read_to_string(dir.join("consort-run.1")).unwrap();
    assert!(text.contains("consort run workflow.yaml"), "its examples: {text}");
    assert!(world.consort(&["man"]).stdout.contains(".TH consort 1"));
    // A file stands in the way.
    world.write("there", "x");
    let refused = world.consort(&["man", "there"]);
    assert_eq!(refused.code, 1, "{}", refused.stdout);
    assert!(refused.stderr.contains("cannot be written to"), "{}", refused.stderr);
}
