//! Real Claude Code and models called directly, through the real binary, against a scripted service.
//! Where Claude Code is not installed each test says that it is skipped.

#![allow(clippy::disallowed_types)] // a test starts the binary as a person does

mod asked;
mod failures;
mod seed;

use crate::support::{Said, World};
use consort_local::journal::Reader;
use consort_testing::lab;
use consort_testing::model::{ModelRequest, ModelServer, Reply, Rule, Rules, Scenario, Tokens};
use serde_json::json;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A key that must not be found in any log.
const KEY: &str = "sk-nobody-0123456789";
/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A repository, a scripted service, and the agents in PATH.
struct Lab {
    world: World,
    server: ModelServer,
    path: String,
}

impl Lab {
    /// `None` where Claude Code is not installed; that was said.
    fn open(workflow: &str, scenario: impl FnOnce(&World) -> Scenario) -> Option<Self> {
        let program = lab::claude().ok()?;
        let world = World::new(workflow);
        let server = ModelServer::start(scenario(&world));
        let bin = world.path("bin");
        std::fs::create_dir_all(&bin).unwrap();
        std::os::unix::fs::symlink(program, bin.join("claude")).unwrap();
        let path = format!("{}:{}", bin.display(), crate::support::path_without_agents());
        Some(Self { world, server, path })
    }

    /// One task by Claude Code, without a gate, that is told to do something.
    fn of_one(agent: &str, text: &str, rules: Vec<Rule>) -> Option<Self> {
        let workflow = one(agent, text);
        Self::open(&workflow, |_| Rules::of(rules).into())
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.world.command(args);
        command.env("PATH", &self.path).env("ANTHROPIC_API_KEY", KEY).env("OPENAI_API_KEY", KEY);
        command
    }

    fn consort(&self, args: &[&str]) -> Said {
        Said::of(self.command(args).output().unwrap())
    }

    fn url(&self) -> String {
        format!("url={}", self.server.url())
    }

    /// Begins the run of `workflow.yaml` in the background.
    fn begin(&self) -> Child {
        let url = self.url();
        let args = ["run", "workflow.yaml", "--var", &url, "--approve", "all", "--yes"];
        self.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Runs `workflow.yaml` to where it ends or waits.
    fn run(&self) -> Said {
        let url = self.url();
        self.consort(&["run", "workflow.yaml", "--var", &url, "--approve", "all", "--yes"])
    }

    /// All events of the run, as text.
    fn journal(&self, run: &str) -> String {
        journal(&self.world, run)
    }

    /// Until the journal of the run says this.
    fn until(&self, run: &str, says: &str) {
        let began = Instant::now();
        while !self.journal(run).contains(says) {
            assert!(began.elapsed() < PATIENCE, "`{says}` never came:\n{}", self.journal(run));
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn workspace(&self, name: &str) -> PathBuf {
        let below = self.world.path("state/consort");
        let runs = std::fs::read_dir(below).unwrap().flatten().map(|e| e.path());
        let mut found = runs.flat_map(|repo| std::fs::read_dir(repo).unwrap().flatten().map(|e| e.path()));
        found.find_map(|run| Some(run.join("workspaces").join(name)).filter(|dir| dir.is_dir())).unwrap()
    }

    /// Nothing of the run is alive, and no log holds the key.
    fn nothing_is_left(&self) {
        let mark = self.world.path("state").display().to_string();
        let began = Instant::now();
        loop {
            let left = left(&mark);
            if left.is_empty() {
                break;
            }
            assert!(began.elapsed() < Duration::from_secs(15), "left running: {left:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
        let found = Command::new("grep")
            .args(["-rlF", KEY, "--include=*.jsonl", "--include=*.log", "--include=*.json", "--include=*.md"])
            .arg(self.world.path("state"))
            .arg(self.world.repo().join(".consort"))
            .output()
            .unwrap();
        // The supervisor's specification is the one place where the environment has to be.
        let logs = String::from_utf8(found.stdout).unwrap();
        let logs: Vec<&str> = logs.lines().filter(|path| !path.ends_with("spec.json")).collect();
        assert_eq!(logs, Vec::<&str>::new(), "the key got into a log");
    }
}

/// All events of a run, as text.
fn journal(world: &World, run: &str) -> String {
    let dir = world.repo().join(".consort/runs").join(run);
    let Ok(reader) = Reader::open(&dir) else { return String::new() };
    let records = reader.records(0).unwrap();
    let events = records.flatten().flat_map(|record| record.events);
    events.map(|event| serde_json::to_string(&event).unwrap() + "\n").collect()
}

fn left(mark: &str) -> Vec<String> {
    let mut left = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(environment) = std::fs::read(entry.path().join("environ")) else { continue };
        if String::from_utf8_lossy(&environment).contains(mark) {
            let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            left.push(String::from_utf8_lossy(&command).replace('\0', " "));
        }
    }
    left
}

/// The run of [`one`].
const RUN: &str = "one-20261124-001";

fn one(agent: &str, text: &str) -> String {
    format!(
        "workflow: {{id: {RUN}, title: One}}\ncriticality: C1\n\
         limits: {{max_attempts: 2, grace: 200ms, backoff: {{first: 20ms, max: 50ms}}}}\n\
         variables: {{url: {{about: the service}}}}\n\
         agents: {{default: {{runtime: claude, url: \"{{{{ url }}}}\"{agent}}}}}\n\
         tasks: {{note: {{text: \"{text}\", path: out/note.md, gate: none}}}}\n"
    )
}

/// Writes the note with the agent's own tool, then says so.
fn writes(prompt: &str) -> Rule {
    Rule::prompt(prompt)
        .reply(Reply::call("@write", json!({ "path": "out/note.md", "content": "# A note\n" })))
        .reply(Reply::text("Written."))
}

#[test]
fn a_file_is_written_with_its_own_tool_and_what_it_used_is_counted() {
    let Some(lab) = Lab::of_one("", "Write a note.", vec![writes("Write a note.")]) else { return };
    let said = lab.run();
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    assert!(said.stdout.contains("agents     work: claude"), "{}", said.stdout);
    assert!(said.stdout.contains("boundary   accidents: yes, attacks: no"), "{}", said.stdout);
    assert_eq!(lab.world.git(&["show", &format!("consort/{RUN}/run:out/note.md")]), "# A note");
    let said = lab.consort(&["transcript", RUN, "note"]);
    assert!(said.stdout.contains("> Write ") && said.stdout.contains("  Written."), "{}", said.stdout);
    let raw = lab.consort(&["transcript", RUN, "note", "--raw"]);
    assert!(raw.stdout.contains("\"subtype\":\"initialize\""));
    // What was said is kept when the directories of the attempts are gone.
    std::fs::remove_dir_all(lab.world.path("state")).unwrap();
    assert_eq!(lab.consort(&["transcript", RUN, "note"]).stdout, said.stdout);
    assert_eq!(lab.consort(&["transcript", RUN, "note", "--raw"]).stdout, raw.stdout);
    let report = lab.consort(&["report", RUN, "--json"]).json();
    assert!(report["calls_by_role"]["creator"]["tokens_in"].as_u64().unwrap() > 0, "{report}");
    assert_eq!(lab.consort(&["verify", RUN]).code, 0);
    lab.nothing_is_left();
}

#[test]
fn a_log_in_is_lent_for_an_attempt_and_no_home_is_left() {
    let Some(lab) = Lab::of_one("", "Write a note.", vec![writes("Write a note.")]) else { return };
    let home = lab.world.path("person/.claude");
    std::fs::create_dir_all(&home).unwrap();
    let login = json!({ "claudeAiOauth": { "accessToken": KEY, "refreshToken": "none",
        "expiresAt": 4_102_444_800_000_u64, "scopes": ["user:inference"] } });
    std::fs::write(home.join(".credentials.json"), login.to_string()).unwrap();
    let url = lab.url();
    let mut command = lab.command(&["run", "workflow.yaml", "--var", &url, "--approve", "all", "--yes"]);
    command.env_remove("ANTHROPIC_API_KEY").env("CLAUDE_CONFIG_DIR", &home);
    let said = Said::of(command.output().unwrap());
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    let asked = lab.server.requests();
    assert!(asked.iter().any(|r| r.headers.values().any(|v| v.contains(KEY))), "the log-in was not used");
    let kept = std::fs::read_to_string(home.join(".credentials.json")).unwrap();
    assert_eq!(kept, login.to_string(), "a person's log-in is nobody's to change");
    let found =
        Command::new("find").arg(lab.world.path("state")).args(["-path", "*/homes/*"]).output().unwrap();
    assert_eq!(String::from_utf8(found.stdout).unwrap(), "", "homes are left");
    lab.nothing_is_left();
}

#[test]
fn words_of_a_person_reach_a_living_session() {
    let slow = Rule::prompt("")
        .reply(Reply::call("@shell", json!({ "command": "sleep 3" })))
        .reply(Reply::call("@write", json!({ "path": "out/note.md", "content": "# A letter\n" })))
        .reply(Reply::text("Written."));
    let Some(lab) = Lab::of_one("", "Write a note.", vec![slow]) else { return };
    let mut runner = lab.begin();
    lab.until(RUN, "\"began\"");
    let said = lab.consort(&["steer", RUN, "note", "call it a letter"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    assert!(runner.wait().unwrap().success(), "{}", lab.journal(RUN));
    let asked = lab.server.requests();
    assert!(
        asked.iter().any(|r| r.whole().contains("a letter") || r.system.contains("a letter")),
        "the model never heard it"
    );
    lab.nothing_is_left();
}

#[test]
fn a_session_is_adopted_after_its_runner_was_killed() {
    let slow = Rule::prompt("Write a note.")
        .reply(Reply::call("@shell", json!({ "command": "sleep 2" })))
        .reply(Reply::call("@write", json!({ "path": "out/note.md", "content": "# A note\n" })))
        .reply(Reply::text("Written."));
    let Some(lab) = Lab::of_one("", "Write a note.", vec![slow]) else { return };
    let mut runner = lab.begin();
    lab.until(RUN, "\"began\"");
    runner.kill().unwrap();
    runner.wait().unwrap();
    let said = lab.consort(&["resume", RUN, "--approve", "all"]);
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    let journal = lab.journal(RUN);
    assert!(journal.contains("attempt_adopted"), "{journal}");
    assert_eq!(journal.matches("attempt_starting").count(), 1, "it was started once: {journal}");
    assert_eq!(lab.consort(&["verify", RUN]).code, 0);
    lab.nothing_is_left();
}

#[test]
fn whatever_it_started_dies_with_its_attempt() {
    let daemon = "setsid sh -c 'sleep 300 & echo $$ > daemon; exec sleep 300' & sleep 300";
    let hang = Rule::prompt("Write a note.").reply(Reply::call("@shell", json!({ "command": daemon })));
    let Some(lab) = Lab::of_one(", timeout: 4s", "Write a note.", vec![hang]) else { return };
    let said = lab.run();
    assert_eq!(said.code, 3, "{}{}", said.stdout, said.stderr);
    assert!(lab.workspace("note--1").join("daemon").exists(), "the daemon had begun");
    lab.nothing_is_left();
}

#[test]
fn a_context_that_is_nearly_full_is_handed_over_with_a_summary() {
    let full = Reply::call("@shell", json!({ "command": "sleep 2" }))
        .using(Tokens { input: 181_000, ..Tokens::default() });
    let rules = vec![
        Rule::prompt("Another session began this work")
            .reply(Reply::call("@write", json!({ "path": "out/note.md", "content": "# A note\n" })))
            .reply(Reply::text("Written.")),
        Rule::prompt("your context is nearly full").reply(Reply::text("Nothing is written yet.")),
        Rule::prompt("Write a note.").reply(full),
    ];
    // A model whose context has 200,000 tokens.
    let Some(lab) = Lab::of_one(", model: nobody-1", "Write a note.", rules) else { return };
    let said = lab.run();
    assert_eq!(said.code, 0, "{}{}", said.stdout, said.stderr);
    let journal = lab.journal(RUN);
    assert!(journal.contains("emergency") && journal.contains("handed_over"), "{journal}");
    assert!(journal.contains("context of note at 90 %"), "a checkpoint is made: {journal}");
    let summary = |request: &ModelRequest| {
        request.whole().contains("data summary of the last session\nNothing is written yet.")
    };
    assert!(lab.server.requests().iter().any(|request| summary(request)), "the fresh session never saw it");
    lab.nothing_is_left();
}
