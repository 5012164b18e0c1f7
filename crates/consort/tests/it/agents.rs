//! What can work here, and what it is told: `agents`, `roles`, `prompt`, `doctor`, `check`.

use crate::support::{SMALL, Said, World};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;

/// Variables that would make an agent usable.
const KEYS: [&str; 6] = [
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CONFIG_DIR",
    "OPENAI_API_KEY",
    "GEMINI_API_KEY",
];

/// A directory with git and a shell, and `claude` if it is to say a version.
fn path(world: &World, version: Option<&str>) -> PathBuf {
    let bin = world.path("bin");
    let _ = std::fs::remove_dir_all(&bin);
    std::fs::create_dir_all(&bin).unwrap();
    let known = std::env::var_os("PATH").unwrap();
    for name in ["git", "sh"] {
        let mut there = std::env::split_paths(&known).map(|dir| dir.join(name));
        symlink(there.find(|p| p.is_file()).unwrap(), bin.join(name)).unwrap();
    }
    if let Some(version) = version {
        let program = bin.join("claude");
        std::fs::write(&program, format!("#!/bin/sh\necho '{version} (Claude Code)'\n")).unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    }
    bin
}

fn ask(world: &World, version: Option<&str>, keys: &[&str], args: &[&str]) -> Said {
    let mut command = world.command(args);
    command.env("PATH", path(world, version));
    for key in KEYS {
        command.env_remove(key);
    }
    for key in keys {
        command.env(key, "a-secret-that-nobody-sees");
    }
    let said = Said::of(command.output().unwrap());
    assert!(!said.stdout.contains("a-secret") && !said.stderr.contains("a-secret"), "{}", said.stdout);
    said
}

/// The lines about agents.
fn of_agents(said: &Said, world: &World) -> String {
    let all = said.all(world);
    let mut kept = String::new();
    let mut takes = false;
    for line in all.lines() {
        let name = line.get(6..18).unwrap_or("").trim();
        takes = match name.is_empty() {
            true => takes && line.starts_with("      "),
            false => ["claude", "api", "agents", "boundary"].contains(&name),
        };
        if takes {
            kept += &format!("{line}\n");
        }
    }
    kept
}

#[test]
fn doctor_says_of_each_agent_whether_it_can_work_and_what_mends_it() {
    let world = World::new(SMALL);
    let mut all = String::new();
    for (version, keys) in [
        (None, &[][..]),
        (Some("1.0.128"), &["ANTHROPIC_API_KEY"]),
        (Some("2.1.197"), &[]),
        (Some("2.1.197"), &["ANTHROPIC_AUTH_TOKEN"]),
        (Some("3.0.1"), &["ANTHROPIC_API_KEY"]),
        (None, &["OPENAI_API_KEY"]),
    ] {
        let said = ask(&world, version, keys, &["doctor"]);
        all += &format!("=== claude {version:?}, keys {keys:?}\n{}", of_agents(&said, &world));
    }
    insta::assert_snapshot!("doctor_agents", all);
    let said = ask(&world, None, &[], &["doctor", "--json"]);
    let names: Vec<String> = said.json()["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f["name"].as_str().unwrap().to_owned())
        .collect();
    for name in ["cgroup", "claude", "api", "agents", "boundary"] {
        assert!(names.iter().any(|n| n == name), "{name} in {names:?}");
    }
}

#[test]
fn agents_shows_a_matrix_of_what_each_runtime_can() {
    let world = World::new(SMALL);
    let said = ask(&world, Some("2.1.197"), &["ANTHROPIC_API_KEY"], &["agents"]);
    let all = said.all(&world);
    // What was seen is the conformance suite's to compare.
    let (offered, seen) = all.split_once("\nSEEN").unwrap();
    insta::assert_snapshot!("agents", offered);
    assert!(seen.contains("writes a file with its own tool ") && !seen.contains("FAILS"), "{seen}");
    let json = ask(&world, Some("2.1.197"), &[], &["agents", "--json"]).json()["runtimes"].clone();
    let claude = &json[0];
    assert_eq!((claude["runtime"].as_str(), claude["usable"].as_bool()), (Some("claude"), Some(false)));
    assert_eq!(claude["features"].as_array().unwrap().len(), json[3]["features"].as_array().unwrap().len());
}

#[test]
fn auto_takes_what_is_there_says_so_and_says_what_is_missing() {
    let world = World::new(SMALL);
    let without = ask(&world, None, &[], &["run", "workflow.yaml"]);
    assert_eq!(without.code, 2, "{}", without.stderr);
    for said in ["not in PATH", "no key", "--rehearse"] {
        assert!(without.stderr.contains(said), "{said}: {}", without.stderr);
    }
    let check = ask(&world, Some("2.1.197"), &["ANTHROPIC_API_KEY"], &["check", "workflow.yaml"]);
    assert_eq!(check.code, 0, "{}", check.stderr);
    assert!(!check.stdout.contains("no agent is set up"), "{}", check.stdout);
}

#[test]
fn roles_are_listed_with_their_source_and_shown_whole() {
    let world = World::new(SMALL);
    world.write(
        ".claude/agents/researcher.md",
        "---\nname: researcher\ndescription: Ours\ncolor: red\n---\nAsk us.\n",
    );
    world.write(".consort/roles/broken.md", "---\ntool_tier: T7\n---\nWork.\n");
    insta::assert_snapshot!("roles", world.consort(&["roles"]).all(&world));
    insta::assert_snapshot!("role_own", world.consort(&["roles", "ps-researcher"]).all(&world));
    insta::assert_snapshot!("role_broken", world.consort(&["roles", "broken"]).all(&world));
    let json = world.consort(&["roles", "judge", "--json"]).json()["roles"][0].clone();
    assert_eq!((json["source"].as_str(), json["built_in"].as_bool()), (Some("built in"), Some(true)));
    let missing = world.consort(&["roles", "nobody"]);
    assert_eq!(missing.code, 2);
    assert!(missing.stderr.contains(".consort/roles/nobody.md"), "{}", missing.stderr);
}

#[test]
fn check_shows_mistakes_of_role_files_and_templates_where_they_are() {
    let world =
        World::new(&SMALL.replace("role: writer, text: Write it.", "role: ps-writer, text: Write it."));
    world.write(".claude/agents/writer.md", "---\nname: writer\ntool: Read\n---\nWrite well.\n");
    world.write(".claude/agents/unused.md", "---\ntool_tier: T7\n---\nNobody asks for this one.\n");
    let said = world.consort(&["check", "workflow.yaml"]);
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(said.stdout.contains("roles from files: writer (.claude/agents/writer.md)"), "{}", said.stdout);
    world.write(".claude/agents/writer.md", "---\nname: writer\neffort: hgih\n---\nWrite well.\n");
    world.write(".consort/prompts/judge.md", "Judge it.\n{{ task }}\n");
    let said = world.consort(&["check", "workflow.yaml"]);
    assert_eq!(said.code, 2);
    assert!(said.stderr.contains("--> .claude/agents/writer.md:3:9"), "{}", said.stderr);
    assert!(said.stderr.contains("--> .consort/prompts/judge.md:1:1"), "{}", said.stderr);
    let json = world.consort(&["check", "workflow.yaml", "--json"]).json();
    let files: Vec<&str> =
        json["diagnostics"].as_array().unwrap().iter().map(|d| d["file"].as_str().unwrap()).collect();
    assert!(
        files.contains(&".claude/agents/writer.md") && files.contains(&".consort/prompts/judge.md"),
        "{files:?}"
    );
}

#[test]
fn a_prompt_is_shown_as_it_was_sent_or_as_it_would_be() {
    let workflow = SMALL.replace("criticality: C1", "criticality: C2");
    let world =
        World::new(&workflow.replace("{role: writer, text: Write more.", "{role: tester, text: Write more."));
    world.write(".claude/agents/writer.md", "---\nname: writer\n---\nWrite in short sentences.\n");
    world.write(".consort/prompts/create.md", "In our house we begin with a greeting.\n\n{{ body }}\n");
    let said = world.consort(&["run", "workflow.yaml", "--rehearse"]);
    assert_eq!(said.code, 3, "{}{}", said.stdout, said.stderr);
    let run = "small-20260220-001";
    let sent = world.consort(&["prompt", run, "first", "--step", "create"]);
    assert_eq!(sent.code, 0, "{}", sent.stderr);
    assert!(sent.stderr.contains("sent as first/"), "{}", sent.stderr);
    assert!(sent.stdout.starts_with("In our house we begin with a greeting.\n"), "{}", sent.stdout);
    assert!(sent.stdout.contains("## Role: writer\n\nWrite in short sentences.\n"), "{}", sent.stdout);
    let judge = world.consort(&["prompt", run, "first", "--step", "judge"]);
    assert!(judge.stdout.contains("## Role: judge\n"), "{}{}", judge.stdout, judge.stderr);
    // What is written in the repository now changes nothing in a run that has begun.
    world.write(".claude/agents/writer.md", "Write at length.\n");
    let again = world.consort(&["prompt", run, "second", "--step", "create"]);
    assert!(again.stdout.contains("## Role: tester\n"), "{}{}", again.stdout, again.stderr);
    let never = world.consort(&["prompt", run, "second", "--step", "S-012"]);
    assert_eq!(never.code, 2);
    assert!(never.stderr.contains("its steps are create, self-review, "), "{}", never.stderr);
    let later = world.consort(&["prompt", run, "first", "--step", "create", "--attempt", "99"]);
    assert_eq!(later.code, 2);
    assert!(later.stderr.contains("no such attempt 99"), "{}", later.stderr);
}

#[test]
fn a_prompt_can_be_read_before_anybody_is_started() {
    let world = World::new(&format!("{SMALL}agents:\n  default: {{argv: [sh, -c, 'sleep 20']}}\n"));
    let child = world.spawn_quiet(&["run", "workflow.yaml", "--yes"]);
    world.until_running("small-20260220-001");
    let said = world.consort(&["prompt", "small-20260220-001", "second"]);
    world.consort(&["cancel", "small-20260220-001"]);
    drop(child.wait_with_output());
    assert_eq!(said.code, 0, "{}", said.stderr);
    assert!(said.stderr.contains("not sent yet"), "{}", said.stderr);
    assert!(said.stdout.contains("Write more."), "{}", said.stdout);
}
