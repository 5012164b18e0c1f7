//! A run goes from one clone to another: pushed, fetched, verified, resumed, with real git and the real binary.

mod forged;

use super::crashes::{COMMANDS, MEETING, SEED, SEED_RUN, ended, undisturbed};
use super::support::{Said, World};
use consort_worker::drill::{CRASH_AT, CRASH_ONCE};

const RUN: &str = "meeting-20260220-001";

/// Repositories of several people around a bare one.
pub(super) struct Team {
    /// Whose run it is at first; its remote `origin` is the bare repository.
    pub(super) first: World,
}

impl Team {
    /// A run that was killed when its checkpoint of this number stood.
    pub(super) fn killed(workflow: &str, rehearse: bool, nth: u32) -> Self {
        let first = World::new(workflow);
        let bare = first.path("bare.git").to_string_lossy().into_owned();
        first.git(&["init", "-q", "--bare", "-b", "main", &bare]);
        first.git(&["remote", "add", "origin", &bare]);
        first.git(&["push", "-q", "origin", "main"]);
        let args = ["run", "workflow.yaml", "--approve", "all", "--rehearse"];
        let args = if rehearse { &args[..] } else { &args[..4] };
        let mut command = first.command(args);
        let once = first.path("crashed");
        command.env(CRASH_AT, format!("git.checkpoint.after:{nth}")).env(CRASH_ONCE, &once).output().unwrap();
        assert!(once.exists(), "it never came to checkpoint {nth}");
        Team { first }
    }

    pub(super) fn bare(&self) -> String {
        self.first.path("bare.git").to_string_lossy().into_owned()
    }

    /// Another person's clone, with directories of its own.
    pub(super) fn clone(&self) -> World {
        let world = World::plain();
        world.git(&["clone", "-q", &self.bare(), "."]);
        world
    }

    /// Names of the run in the bare repository.
    pub(super) fn there(&self) -> String {
        self.first.git(&["ls-remote", "origin", "refs/consort/*", "refs/heads/consort/*"])
    }
}

pub(super) fn done(world: &World, args: &[&str]) -> Said {
    let said = world.consort(args);
    assert_eq!(said.code, 0, "{args:?}: {}{}", said.stdout, said.stderr);
    said
}

fn as_person(world: &World, name: &str, args: &[&str]) -> Said {
    Said::of(world.command(args).env("USER", name).output().unwrap())
}

/// Names of runs, as far as they are here.
pub(super) fn names(world: &World) -> String {
    world.git(&["for-each-ref", "refs/consort", "refs/consort-remotes", "refs/heads/consort"])
}

/// The latest checkpoint that is here.
fn latest(world: &World, run: &str) -> String {
    let all = world.git(&["for-each-ref", "--format=%(refname)", &format!("refs/consort/{run}/CP-*")]);
    all.lines().last().unwrap().to_owned()
}

fn arrives(team: &Team, run: &str) -> World {
    let other = team.clone();
    done(&other, &["fetch", run]);
    other
}

fn goes_on(world: &World, run: &str) {
    done(world, &["resume", "--from", &latest(world, run), "--approve", "all"]);
    verifies(world, run);
}

fn verifies(world: &World, run: &str) {
    let verified = world.consort(&["verify", run]);
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
    assert_eq!(world.git(&["status", "--porcelain"]), "");
}

fn calls(world: &World, run: &str) -> u64 {
    world.consort(&["status", run, "--json"]).json()["calls"]["used"].as_u64().unwrap()
}

/// Calls up to a checkpoint, as it says itself.
fn used_by(world: &World, run: &str, nth: u32) -> u64 {
    let path = format!("refs/consort/{run}/CP-{nth:03}:orchestration/{run}/resume.json");
    let point: serde_json::Value = serde_json::from_str(&world.git(&["show", &path])).unwrap();
    point["so_far"]["used"]["agent_calls"].as_u64().unwrap()
}

#[test]
fn killed_after_any_checkpoint_it_goes_on_in_another_clone_to_the_same_end() {
    let right = undisturbed(SEED, SEED_RUN, true);
    for nth in 1..=4 {
        let team = Team::killed(SEED, true, nth);
        done(&team.first, &["push", SEED_RUN]);
        let other = arrives(&team, SEED_RUN);
        goes_on(&other, SEED_RUN);
        assert_eq!(ended(&other, SEED_RUN), right, "after checkpoint {nth}");
        // What was used up there counts here.
        let started =
            other.consort(&["events", SEED_RUN]).stdout.matches("\"attempt_starting\"").count() as u64;
        assert_eq!(calls(&other, SEED_RUN), used_by(&other, SEED_RUN, nth) + started, "{nth}");
        let record = other.consort(&["events", SEED_RUN]).stdout.lines().next().unwrap().to_owned();
        assert!(record.contains("\"resumed\":{\"ref\":\"refs/consort/multi-instance"), "{record}");
        if nth != 2 {
            continue;
        }
        // And on to a third one, where nothing is left to do but the end.
        done(&other, &["push", SEED_RUN]);
        let third = arrives(&team, SEED_RUN);
        let before = calls(&other, SEED_RUN);
        goes_on(&third, SEED_RUN);
        assert_eq!(calls(&third, SEED_RUN), before, "nobody works any more");
    }
}

#[test]
fn work_without_git_goes_along_with_its_content() {
    let run = "commands-20260220-001";
    let right = undisturbed(COMMANDS, run, false);
    let team = Team::killed(COMMANDS, false, 1);
    done(&team.first, &["push", run]);
    let other = arrives(&team, run);
    goes_on(&other, run);
    // The checkpoint that it came with and one more: only the work is compared.
    assert_eq!(ended(&other, run).tasks, right.tasks);
}

#[test]
fn whoever_is_second_learns_it_at_the_push_and_nothing_is_overwritten() {
    let team = Team::killed(MEETING, true, 1);
    done(&team.first, &["push", RUN]);
    let (bob, cleo) = (arrives(&team, RUN), arrives(&team, RUN));
    for (world, name) in [(&bob, "bob"), (&cleo, "cleo")] {
        let from = latest(world, RUN);
        let said = as_person(world, name, &["resume", "--from", &from, "--approve", "all"]);
        assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    }
    done(&bob, &["push", RUN]);
    let there = team.there();
    let own = names(&cleo);
    let said = cleo.consort(&["push", RUN]);
    assert_eq!(said.code, 1, "{}{}", said.stdout, said.stderr);
    let ids = |world: &World| world.git(&["rev-parse", &format!("refs/consort/{RUN}/CP-002")]);
    for part in [
        "somebody else went on with the run: CP-002 is another one at origin".to_owned(),
        format!("here: CP-002 is {}, journal ", ids(&cleo)),
        format!("origin: CP-002 is {}, journal ", ids(&bob)),
        "by bob, made 20".to_owned(),
        "by cleo, made 20".to_owned(),
        format!("consort fetch {RUN} origin"),
        format!("consort fork {RUN} CP-NNN"),
    ] {
        assert!(said.stderr.contains(&part), "{part}: {}", said.stderr);
    }
    assert_eq!(team.there(), there, "nothing is overwritten there");
    assert_eq!(names(&cleo), own, "nor here");
    // The first one, whose run it was, is no better off; and what is there is further on than it.
    let said = team.first.consort(&["push", RUN]);
    assert_eq!(said.code, 1);
    assert!(said.stderr.contains("here: there is no CP-002"), "{}", said.stderr);
    // Theirs is put beside ours.
    let said = done(&cleo, &["fetch", RUN, "origin"]);
    assert!(said.stdout.contains("refs/consort-remotes/origin/meeting-20260220-001/CP-"), "{}", said.stdout);
    assert!(names(&cleo).contains(&own), "{}", names(&cleo));
    verifies(&cleo, RUN);
    // And ours goes on as another run.
    done(&cleo, &["fork", RUN, "CP-002", "--approve", "all"]);
    done(&cleo, &["push", &format!("{RUN}.2")]);
    let third = arrives(&team, &format!("{RUN}.2"));
    goes_on(&third, &format!("{RUN}.2"));
}

#[test]
fn killed_on_the_way_it_is_done_again() {
    let team = Team::killed(MEETING, true, 1);
    let dies = |world: &World, args: &[&str], site: &str| {
        let once = world.path(&format!("crashed-{site}-{}", args[0]));
        let mut command = world.command(args);
        command.env(CRASH_AT, format!("{site}:1")).env(CRASH_ONCE, &once).output().unwrap();
        assert!(once.exists(), "{args:?} never passes {site}");
    };
    for site in ["git.push.before", "git.push.after"] {
        dies(&team.first, &["push", RUN], site);
    }
    done(&team.first, &["push", RUN]);
    for site in ["git.fetch.before", "git.fetch.after", "git.bring.before", "git.bring.after"] {
        let other = team.clone();
        dies(&other, &["fetch", RUN], site);
        let here = names(&other);
        assert!(here.is_empty() || site == "git.bring.after", "{site}: {here}");
        done(&other, &["fetch", RUN]);
        assert_eq!(names(&other).lines().count(), 3, "{site}: base, CP-001, the branch");
        let state = other.path("state/consort");
        let left: Vec<_> = walk(&state).into_iter().filter(|name| name.starts_with(".quarantine")).collect();
        assert!(left.is_empty(), "{site}: {left:?}");
    }
    let right = undisturbed(MEETING, RUN, true);
    for site in [
        "store.put.before",
        "store.put.after",
        "git.start.before",
        "git.start.after",
        "git.rewind.before",
        "git.rewind.after",
        "journal.create.before",
        "journal.create.after",
        "journal.append.before",
        "journal.append.after",
    ] {
        let other = arrives(&team, RUN);
        let from = latest(&other, RUN);
        dies(&other, &["resume", "--from", &from, "--approve", "all"], site);
        // What has a journal is resumed; what has none never was.
        let said = other.consort(&["resume", RUN, "--approve", "all"]);
        if said.code != 0 {
            done(&other, &["resume", "--from", &from, "--approve", "all"]);
        }
        verifies(&other, RUN);
        assert_eq!(ended(&other, RUN), right, "{site}");
    }
}

fn walk(dir: &std::path::Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut all = Vec::new();
    for entry in entries.flatten() {
        all.push(entry.file_name().to_string_lossy().into_owned());
        if entry.file_type().unwrap().is_dir() {
            all.extend(
                std::fs::read_dir(entry.path())
                    .unwrap()
                    .flatten()
                    .map(|e| e.file_name().to_string_lossy().into_owned()),
            );
        }
    }
    all
}

#[test]
fn what_cannot_be_is_said_with_what_can() {
    let team = Team::killed(MEETING, true, 2);
    let says = |world: &World, args: &[&str], code: i32, parts: &[&str]| {
        let said = world.consort(args);
        assert_eq!(said.code, code, "{args:?}: {}{}", said.stdout, said.stderr);
        parts.iter().for_each(|part| assert!(said.stderr.contains(part), "{part}: {}", said.stderr));
    };
    let other = team.clone();
    says(&other, &["fetch", RUN], 2, &["origin has no run", "consort push RUN"]);
    done(&team.first, &["push", RUN]);
    says(&other, &["fetch", "meeting"], 2, &["origin has no run meeting", "It has meeting-20260220-001"]);
    says(&other, &["fetch", RUN, "upstream"], 2, &["there is no remote `upstream`", "There are origin"]);
    says(
        &other,
        &["resume", "--from", &format!("refs/consort/{RUN}/CP-002")],
        2,
        &["there is no", "consort fetch"],
    );
    done(&other, &["fetch", RUN]);
    says(
        &other,
        &["resume", RUN, "--from", "CP-009"],
        2,
        &["there is no", "CP-001, CP-002", "consort fetch"],
    );
    says(
        &other,
        &["resume", "--from", "CP-002"],
        2,
        &["not a checkpoint of a run", "refs/consort/RUN/CP-003"],
    );
    says(
        &other,
        &["resume", "x", "--from", &format!("{RUN}/CP-002")],
        2,
        &["of meeting-20260220-001, not of x"],
    );
    says(&other, &["resume", RUN, "--from", "CP-001"], 2, &["went on after CP-001: CP-002 is here too"]);
    assert_eq!(other.consort(&["list", "--json"]).json()["runs"], serde_json::json!([]));
    goes_on(&other, RUN);
    says(
        &other,
        &["resume", RUN, "--from", "CP-002"],
        2,
        &["is in this clone already", "consort rollback", "consort fork"],
    );
    for verb in ["rollback", "fork"] {
        says(&other, &[verb, RUN, "CP-001"], 2, &["what held at CP-001 is not known here", "another clone"]);
    }
    // The one that it came here with is known.
    done(&other, &["rollback", RUN, "CP-002"]);
    done(&other, &["resume", RUN, "--approve", "all"]);
    verifies(&other, RUN);
    done(&other, &["fork", RUN, "CP-002", "--approve", "all"]);
    let plain = World::plain();
    says(&plain, &["fetch", RUN], 2, &["no git repository here"]);
    // The first one hears that what is there came from it.
    let said = done(&team.first, &["fetch", RUN]);
    assert!(said.stdout.contains("beside yours"), "{}", said.stdout);
}

#[test]
fn a_value_that_looks_like_a_secret_is_not_pushed_unasked() {
    let text = COMMANDS.replace("supervise: false}", "supervise: false, env: {API_TOKEN: abc}}");
    assert_ne!(text, COMMANDS);
    let team = Team::killed(&text, false, 1);
    let run = "commands-20260220-001";
    let said = team.first.consort(&["push", run]);
    assert_eq!(said.code, 2, "{}{}", said.stdout, said.stderr);
    assert!(
        said.stderr.contains("sets API_TOKEN") && said.stderr.contains("--values-too"),
        "{}",
        said.stderr
    );
    assert_eq!(team.there(), "");
    done(&team.first, &["push", run, "--values-too"]);
}

#[test]
fn a_transcript_of_the_way() {
    let team = Team::killed(MEETING, true, 1);
    let mut text = String::new();
    let mut says = |world: &World, args: &[&str]| {
        let said = world.consort(args);
        let whole =
            format!("$ consort {}\ncode {}\n{}{}\n", args.join(" "), said.code, said.stdout, said.stderr);
        text += &world.redact(&undated(&whole));
    };
    says(&team.first, &["push", RUN]);
    says(&team.first, &["push", RUN]);
    let other = team.clone();
    says(&other, &["fetch", RUN]);
    says(&other, &["fetch", RUN]);
    done(&other, &["resume", RUN, "--from", "CP-001", "--approve", "all"]);
    done(&other, &["push", RUN]);
    says(&team.first, &["push", RUN]);
    says(&team.first, &["fetch", RUN]);
    insta::assert_snapshot!("push and fetch", text);
}

fn undated(text: &str) -> String {
    let word = |word: &str| match word.trim_end().trim_end_matches([',', ';']) {
        core if core.len() == 20 && core.starts_with("20") && core.ends_with('Z') => {
            word.replace(core, "[WHEN]")
        }
        core if core.len() > 40 && core.chars().all(|c| c.is_ascii_hexdigit()) => {
            word.replace(core, "[HASH]")
        }
        _ => word.to_owned(),
    };
    text.split_inclusive([' ', '\n']).map(word).collect()
}

#[test]
fn a_fork_with_values_set_makes_only_what_they_concern() {
    let world = World::new(MEETING);
    done(&world, &["run", "workflow.yaml", "--rehearse", "--approve", "all"]);
    let said = done(&world, &["fork", RUN, "CP-003", "--set", "tasks.a2.text=Write at length.", "--dry-run"]);
    assert!(said.stdout.contains("to make    a2\n"), "{}", said.stdout);
    let said = done(&world, &["fork", RUN, "CP-003", "--set", "limits.max_attempts=9", "--dry-run"]);
    assert!(said.stdout.contains("to make    nothing"), "{}", said.stdout);
    done(&world, &["fork", RUN, "CP-003", "--set", "tasks.a2.text=Write at length.", "--approve", "all"]);
    let second = format!("{RUN}.2");
    verifies(&world, &second);
    assert!(calls(&world, &second) > 0 && calls(&world, &second) < calls(&world, RUN));
    // What was set stays set.
    let said = done(&world, &["fork", &second, "CP-001", "--set", "limits.max_attempts=9", "--dry-run"]);
    assert!(said.stdout.contains("a2"), "{}", said.stdout);
    let both = world.consort(&["compare", RUN, &second, "--json"]).json();
    let same: Vec<&str> =
        both["tasks"].as_array().unwrap().iter().map(|t| t["bytes"].as_str().unwrap()).collect();
    assert!(same.iter().filter(|bytes| **bytes == "same").count() >= 3, "{both}");
    for (set, part) in [
        ("tasks.a3.text=x", "did you mean `a1`?"),
        ("agents.defualt.argv=[x]", "did you mean `default`?"),
        ("limits.max_attemts=3", "max_attempts"),
        ("limits.max_attempts=many", "max_attempts"),
        ("text", "PATH=VALUE"),
    ] {
        let said = world.consort(&["fork", RUN, "CP-003", "--set", set, "--dry-run"]);
        assert_eq!(said.code, 2, "{set}: {}{}", said.stdout, said.stderr);
        assert!(said.stderr.contains(part), "{set}: {}", said.stderr);
    }
}
