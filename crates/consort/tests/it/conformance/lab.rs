//! A repository, a scripted service, and agents in PATH: where the real binary meets real agents.

#![allow(clippy::disallowed_types)] // a test starts the binary as a person does

use crate::support::{Said, World};
use consort_local::journal::Reader;
use consort_testing::lab;
use consort_testing::model::{ModelServer, Reply, Rule, Rules, Scenario};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A key that must not be found in any log.
pub(crate) const KEY: &str = "sk-nobody-0123456789";
/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A repository, a scripted service, and the agents in PATH.
pub(crate) struct Lab {
    pub(crate) world: World,
    pub(crate) server: ModelServer,
    path: String,
}

impl Lab {
    /// With Claude Code. `None` where it is not installed; that was said.
    pub(crate) fn open(workflow: &str, scenario: impl FnOnce(&World) -> Scenario) -> Option<Self> {
        let program = lab::claude().ok()?;
        let world = World::new(workflow);
        let scenario = scenario(&world);
        Some(Self::with(world, Some(&program), scenario))
    }

    /// In this repository, with this program as `claude`.
    pub(crate) fn with(world: World, program: Option<&Path>, scenario: Scenario) -> Self {
        let server = ModelServer::start(scenario);
        let bin = world.path("bin");
        std::fs::create_dir_all(&bin).unwrap();
        if let Some(program) = program {
            std::os::unix::fs::symlink(program, bin.join("claude")).unwrap();
        }
        let path = format!("{}:{}", bin.display(), crate::support::path_without_agents());
        Self { world, server, path }
    }

    /// One task by Claude Code, without a gate, that is told to do something.
    pub(crate) fn of_one(agent: &str, text: &str, rules: Vec<Rule>) -> Option<Self> {
        let workflow = one(agent, text);
        Self::open(&workflow, |_| Rules::of(rules).into())
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.world.command(args);
        command.env("PATH", &self.path).env("ANTHROPIC_API_KEY", KEY).env("OPENAI_API_KEY", KEY);
        command.env("GEMINI_API_KEY", KEY);
        command
    }

    pub(crate) fn consort(&self, args: &[&str]) -> Said {
        Said::of(self.command(args).output().unwrap())
    }

    pub(crate) fn url(&self) -> String {
        format!("url={}", self.server.url())
    }

    /// Begins the run of `workflow.yaml` in the background.
    pub(crate) fn begin(&self) -> Child {
        let url = self.url();
        let args = ["run", "workflow.yaml", "--var", &url, "--approve", "all", "--yes"];
        self.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Runs `workflow.yaml` to where it ends or waits.
    pub(crate) fn run(&self) -> Said {
        let url = self.url();
        self.consort(&["run", "workflow.yaml", "--var", &url, "--approve", "all", "--yes"])
    }

    /// All events of the run, as text.
    pub(crate) fn journal(&self, run: &str) -> String {
        journal(&self.world, run)
    }

    /// Until the journal of the run says this.
    pub(crate) fn until(&self, run: &str, says: &str) {
        self.until_times(run, says, 1);
    }

    /// Until the journal of the run says this so many times.
    pub(crate) fn until_times(&self, run: &str, says: &str, times: usize) {
        let began = Instant::now();
        while self.journal(run).matches(says).count() < times {
            assert!(began.elapsed() < PATIENCE, "`{says}` never came:\n{}", self.journal(run));
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Until the model was asked so many times.
    pub(crate) fn until_asked(&self, times: usize) {
        let began = Instant::now();
        while self.server.requests().len() < times {
            assert!(began.elapsed() < PATIENCE, "the model was never asked {times} times");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The state directory of the only run.
    pub(crate) fn state(&self) -> PathBuf {
        let below = self.world.path("state/consort");
        let runs = std::fs::read_dir(below).unwrap().flatten().map(|e| e.path());
        let mut found = runs.flat_map(|repo| std::fs::read_dir(repo).unwrap().flatten().map(|e| e.path()));
        found.find(|run| run.join("attempts").is_dir()).unwrap()
    }

    pub(crate) fn workspace(&self, name: &str) -> PathBuf {
        self.state().join("workspaces").join(name)
    }

    fn mark(&self) -> String {
        self.world.path("state").display().to_string()
    }

    /// Ends everything that this run has started, as a crash of the machine would.
    pub(crate) fn kill_all(&self) {
        let began = Instant::now();
        loop {
            let alive = alive(&self.mark());
            if alive.is_empty() {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "cannot be killed: {alive:?}");
            for (pid, _) in alive {
                // It may be gone by itself meanwhile.
                let _ = kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Nothing of the run is alive, and no log holds the key.
    pub(crate) fn nothing_is_left(&self) {
        let began = Instant::now();
        loop {
            let left = left(&self.mark());
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
pub(crate) fn journal(world: &World, run: &str) -> String {
    let dir = world.repo().join(".consort/runs").join(run);
    let Ok(reader) = Reader::open(&dir) else { return String::new() };
    let records = reader.records(0).unwrap();
    let events = records.flatten().flat_map(|record| record.events);
    events.map(|event| serde_json::to_string(&event).unwrap() + "\n").collect()
}

/// Processes whose environment names this place: their ids and command lines.
pub(crate) fn alive(mark: &str) -> Vec<(i32, String)> {
    let mut alive = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(environment) = std::fs::read(entry.path().join("environ")) else { continue };
        let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
        if let Some(pid) = pid
            && String::from_utf8_lossy(&environment).contains(mark)
        {
            let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            alive.push((pid, String::from_utf8_lossy(&command).replace('\0', " ")));
        }
    }
    alive
}

pub(crate) fn left(mark: &str) -> Vec<String> {
    alive(mark).into_iter().map(|(_, command)| command).collect()
}

/// The run of [`one`].
pub(crate) const RUN: &str = "one-20261124-001";

/// A workflow of one task by Claude Code.
pub(crate) fn one(agent: &str, text: &str) -> String {
    format!(
        "workflow: {{id: {RUN}, title: One}}\ncriticality: C1\n\
         limits: {{max_attempts: 2, grace: 200ms, backoff: {{first: 20ms, max: 50ms}}}}\n\
         variables: {{url: {{about: the service}}}}\n\
         agents: {{default: {{runtime: claude, url: \"{{{{ url }}}}\"{agent}}}}}\n\
         tasks: {{note: {{text: \"{text}\", path: out/note.md, gate: none}}}}\n"
    )
}

/// Writes the note with the agent's own tool, then says so.
pub(crate) fn writes(prompt: &str) -> Rule {
    Rule::prompt(prompt)
        .reply(Reply::call("@write", json!({ "path": "out/note.md", "content": "# A note\n" })))
        .reply(Reply::text("Written."))
}
